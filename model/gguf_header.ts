import { ModelFormatError } from "./error.ts";
import type { ByteSource } from "./source.ts";

/** Bytes read at first: the header of most models in one piece. */
const FIRST_READ = 4_000_000;
/** Longest header taken: what `@huggingface/gguf` can hold is 50 MB. */
const LONGEST_HEADER = 48_000_000;
/** Fewest bytes of a field: key length, type, one byte of value. */
const LEAST_FIELD = 13;
/** Fewest bytes of a tensor's entry: name length, rank, type, offset. */
const LEAST_TENSOR = 24;
/** Longest key and name (GGUF specification). */
const LONGEST_KEY = 65_535;
/** Most dimensions of a tensor (`GGML_MAX_DIMS`). */
const MOST_DIMENSIONS = 4;

const STRING = 8;
const ARRAY = 9;
/** Bytes of a value by GGUF value type; 0 where it depends on the value. */
const VALUE_BYTES = [1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8];

/** A GGUF header whose every length has been checked against the file. */
export interface GgufHeader {
  /** The file's start, with the whole header in it. */
  bytes: Uint8Array;
  /** Per field that holds strings: its last string. */
  lastStrings: Map<string, Uint8Array>;
}

/** Thrown inside when the bytes read so far end before the header does. */
class MoreNeeded extends Error {}

/**
 * Reads the header of a GGUF file and walks over it once: `@huggingface/gguf`
 * takes lengths as they come, reads zeros after a file's end and allocates
 * arrays before their values are known to exist.
 *
 * @throws {ModelFormatError} For a wrong magic number or version and for a
 * count or length that the file cannot hold.
 */
export async function readGgufHeader(source: ByteSource): Promise<GgufHeader> {
  const limit = Math.min(source.size, LONGEST_HEADER);
  for (let length = FIRST_READ;; length *= 4) {
    const bytes = await source.read(0, Math.min(length, limit));
    try {
      return walk(new Cursor(source.name, bytes, limit));
    } catch (error) {
      if (!(error instanceof MoreNeeded)) throw error;
    }
  }
}

function walk(cursor: Cursor): GgufHeader {
  const magic = cursor.text(4, "magic number");
  if (magic !== "GGUF") {
    cursor.fail(`magic number is ${JSON.stringify(magic)}`, "GGUF is needed");
  }
  const version = cursor.uint32("version");
  if (version !== 2 && version !== 3) {
    cursor.fail(`version is ${version}`, "little-endian 2 or 3 is needed");
  }
  const tensors = cursor.count("tensor_count", LEAST_TENSOR);
  const fields = cursor.count("kv_count", LEAST_FIELD);
  const lastStrings = new Map<string, Uint8Array>();
  for (let i = 0; i < fields; i++) walkField(cursor, i, lastStrings);
  for (let i = 0; i < tensors; i++) walkTensor(cursor, i);
  return { bytes: cursor.bytes, lastStrings };
}

function walkField(
  cursor: Cursor,
  index: number,
  lastStrings: Map<string, Uint8Array>,
): void {
  const key = cursor.key(`key ${index}`);
  const type = cursor.uint32(key);
  const last = type === ARRAY
    ? walkArray(cursor, key)
    : walkValues(cursor, key, type, 1);
  if (last) lastStrings.set(key, last);
}

function walkArray(cursor: Cursor, key: string): Uint8Array | undefined {
  const type = cursor.uint32(key);
  const least = type === STRING ? 8 : VALUE_BYTES[type] ?? 0;
  if (least === 0) {
    cursor.fail(
      `${key} is an array of type ${type}`,
      "plain values are needed",
    );
  }
  const count = cursor.count(`length of ${key}`, least);
  return walkValues(cursor, key, type, count);
}

/** Gives the last string, where the values are strings. */
function walkValues(
  cursor: Cursor,
  key: string,
  type: number,
  count: number,
): Uint8Array | undefined {
  if (type !== STRING) {
    const bytes = VALUE_BYTES[type];
    if (!bytes) cursor.fail(`${key} has type ${type}`, "0 to 12 are known");
    cursor.take(bytes * count, key);
    return undefined;
  }
  let last: Uint8Array | undefined;
  for (let i = 0; i < count; i++) {
    last = cursor.take(cursor.count(`string length in ${key}`, 1), key);
  }
  return last;
}

function walkTensor(cursor: Cursor, index: number): void {
  const name = cursor.key(`name of tensor ${index}`);
  const dimensions = cursor.uint32(name);
  if (dimensions < 1 || dimensions > MOST_DIMENSIONS) {
    cursor.fail(
      `tensor ${name} has ${dimensions} dimensions`,
      `1 to ${MOST_DIMENSIONS} are needed`,
    );
  }
  cursor.take(dimensions * 8 + 12, `entry of tensor ${name}`);
}

/** A place in the header; every step is checked against the file's size. */
class Cursor {
  #offset = 0;
  readonly #view: DataView;

  constructor(
    readonly file: string,
    readonly bytes: Uint8Array,
    readonly limit: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The next bytes, in place. */
  take(length: number, field: string): Uint8Array {
    const end = this.#offset + length;
    if (end > this.limit) {
      this.fail(
        `${field} ends at byte ${end}`,
        `an end before ${this.limit} is needed`,
      );
    }
    if (end > this.bytes.length) throw new MoreNeeded();
    const taken = this.bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  text(length: number, field: string): string {
    return new TextDecoder().decode(this.take(length, field));
  }

  key(field: string): string {
    const length = this.count(`length of ${field}`, 1);
    if (length <= LONGEST_KEY) return this.text(length, field);
    this.fail(`${field} has ${length} bytes`, `${LONGEST_KEY} at most fit`);
  }

  uint32(field: string): number {
    this.take(4, field);
    return this.#view.getUint32(this.#offset - 4, true);
  }

  /** A 64-bit count of things that take at least `bytesEach` bytes each. */
  count(field: string, bytesEach: number): number {
    this.take(8, field);
    const count = Number(this.#view.getBigUint64(this.#offset - 8, true));
    const most = Math.floor((this.limit - this.#offset) / bytesEach);
    if (count <= most) return count;
    this.fail(`${field} is ${count}`, `the file has room for ${most}`);
  }

  fail(state: string, needed: string): never {
    throw new ModelFormatError(`Cannot open ${this.file}: ${state}, ${needed}`);
  }
}
