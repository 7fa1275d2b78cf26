import { GgufCursor, MoreNeeded } from "./cursor.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** Bytes read at first: the header of most models in one piece. */
const FIRST_READ = 4_000_000;
/** Longest header taken: what `@huggingface/gguf` can hold is 50 MB. */
const LONGEST_HEADER = 48_000_000;
/** Most fields, tensors and values of an array; the largest models have a
 * hundred, some thousands and half a million. */
const MOST_ENTRIES = 65_536;
const MOST_VALUES = 1_000_000;
/** Fewest bytes of a field: key length, type, one byte of value. */
const LEAST_FIELD = 13;
/** Fewest bytes of a tensor's entry: name length, rank, type, offset. */
const LEAST_TENSOR = 24;
/** Most dimensions of a tensor (`GGML_MAX_DIMS`). */
const MOST_DIMENSIONS = 4;
/** Magic number, version and the two counts. */
const COUNTS_END = 24;

const STRING = 8;
const ARRAY = 9;
/** Bytes of a value by GGUF value type; 0 where it depends on the value. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** A GGUF header whose every length has been checked against the file. */
export interface GgufHeader {
  /** Values of the fields that are strings or arrays of strings. */
  strings: Map<string, string | string[]>;
  /** The header without those fields. */
  rest: Uint8Array<ArrayBuffer>;
  /** Bytes of the whole header. */
  length: number;
}

/**
 * Reads the header of a GGUF file and walks over it once, for what
 * `@huggingface/gguf` 0.4.6 does not do: it reads zeros after a file's end,
 * decodes a token list anew for every 2 MB of it (2 s for Llama 3's) and cuts
 * the last string where such a piece ends.
 *
 * @param source The file.
 * @throws {ModelFormatError} For a wrong magic number or version and for a
 * count or length that the file cannot hold.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const limit = Math.min(source.size, LONGEST_HEADER);
  for (let length = FIRST_READ;; length *= 4) {
    const bytes = await source.read(0, Math.min(length, limit));
    try {
      return walk(new GgufCursor(source.name, bytes, limit));
    } catch (error) {
      if (!(error instanceof MoreNeeded)) throw error;
    }
  }
}

function walk(cursor: GgufCursor): GgufHeader {
  expectMagic(cursor);
  const tensors = cursor.count("tensor_count", LEAST_TENSOR, MOST_ENTRIES);
  const fields = cursor.count("kv_count", LEAST_FIELD, MOST_ENTRIES);
  const strings = new Map<string, string | string[]>();
  const others: Uint8Array[] = [];
  for (let i = 0; i < fields; i++) {
    const start = cursor.offset;
    const key = cursor.key(`key ${i}`);
    const value = walkValue(cursor, key);
    if (value === undefined) others.push(cursor.since(start));
    else strings.set(key, value);
  }
  const start = cursor.offset;
  for (let i = 0; i < tensors; i++) walkTensor(cursor, i);
  const pieces = [...others, cursor.since(start)];
  const rest = headerOf(cursor.bytes, others.length, pieces);
  return { strings, rest, length: cursor.offset };
}

function expectMagic(cursor: GgufCursor): void {
  const magic = cursor.text(4, "magic number");
  if (magic !== "GGUF") {
    cursor.fail(`magic number is ${JSON.stringify(magic)}`, "GGUF is needed");
  }
  const version = cursor.uint32("version");
  if (version !== 2 && version !== 3) {
    cursor.fail(`version is ${version}`, "little-endian 2 or 3 is needed");
  }
}

/** Gives the value where it is of strings. */
function walkValue(
  cursor: GgufCursor,
  key: string,
): string | string[] | undefined {
  const type = cursor.uint32(key);
  if (type === STRING) return cursor.string(key);
  if (type === ARRAY) return walkArray(cursor, key);
  cursor.skip(valueBytes(cursor, key, type), key);
  return undefined;
}

function walkArray(cursor: GgufCursor, key: string): string[] | undefined {
  const type = cursor.uint32(key);
  const least = type === STRING ? 8 : valueBytes(cursor, key, type);
  const count = cursor.count(`length of ${key}`, least, MOST_VALUES);
  if (type === STRING) {
    return Array.from({ length: count }, () => cursor.string(key));
  }
  cursor.skip(count * least, key);
  return undefined;
}

function valueBytes(cursor: GgufCursor, key: string, type: number): number {
  return VALUE_BYTES[type] ||
    cursor.fail(`${key} has values of type ${type}`, "a plain type is needed");
}

function walkTensor(cursor: GgufCursor, index: number): void {
  const name = cursor.key(`name of tensor ${index}`);
  const dimensions = cursor.uint32(name);
  if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
    const state = `tensor ${name} has ${dimensions} dimensions`;
    cursor.fail(state, `1 to ${MOST_DIMENSIONS} are needed`);
  }
  cursor.skip(dimensions * 8 + 12, `entry of tensor ${name}`);
}

/** A header with the same start, but for the number of fields. */
function headerOf(
  bytes: Uint8Array,
  fields: number,
  pieces: Uint8Array[],
): Uint8Array<ArrayBuffer> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, COUNTS_END);
  const header = new Uint8Array(length);
  header.set(bytes.subarray(0, COUNTS_END));
  new DataView(header.buffer).setBigUint64(16, BigInt(fields), true);
  let offset = COUNTS_END;
  for (const piece of pieces) {
    header.set(piece, offset);
    offset += piece.length;
  }
  return header;
}
