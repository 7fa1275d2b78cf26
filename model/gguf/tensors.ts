import { GGMLQuantizationType, type GGUFTensorInfo } from "@huggingface/gguf";
import type { TensorEntry } from "../checkpoint/checkpoint.ts";
import {
  STORED_BLOCKS,
  storedBytes,
  type StoredType,
} from "../../kernels/stored.ts";
import { ModelFormatError } from "../checkpoint/error.ts";
import type { Fields } from "../checkpoint/fields.ts";
import type { ParsedGguf } from "./parse.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** Tensor types by ggml's number (`enum ggml_type`). */
const TYPES: Record<number, StoredType> = {
  0: "f32",
  1: "f16",
  2: "q4_0",
  3: "q4_1",
  8: "q8_0",
  30: "bf16",
};

/**
 * Places of a GGUF file's tensors, each checked against the file's size.
 *
 * @param source The file.
 * @param fields Its metadata.
 * @param parsed Its tensor list.
 * @throws {ModelFormatError} For an unsupported type, a shape that is not made
 * of whole blocks, and a place outside the file.
 */
export function ggufTensors(
  source: ByteSource,
  fields: Fields,
  { tensorInfos, headerBytes }: ParsedGguf,
): Map<string, TensorEntry> {
  const alignment = alignmentOf(fields);
  const start = Math.ceil(headerBytes / alignment) * alignment;
  const tensors = new Map<string, TensorEntry>();
  for (const info of tensorInfos) {
    const entry = tensorEntry(source, info, start);
    if (tensors.has(info.name)) {
      fail(entry, "is there twice", "single ones are needed");
    }
    if (entry.offset % alignment !== 0) {
      const needed = `a multiple of ${alignment} is needed`;
      fail(entry, `starts at byte ${entry.offset}`, needed);
    }
    tensors.set(info.name, entry);
  }
  return tensors;
}

function alignmentOf(fields: Fields): number {
  const field = "general.alignment";
  const alignment = fields.count(field, 32);
  if (Number.isInteger(Math.log2(alignment))) return alignment;
  fields.fail(field, "a power of two is needed");
}

function tensorEntry(
  source: ByteSource,
  info: GGUFTensorInfo,
  start: number,
): TensorEntry {
  // GGUF lists the innermost dimension first.
  const shape = info.shape.map(Number).reverse();
  const type = TYPES[info.dtype];
  const offset = start + Number(info.offset);
  const place = { name: info.name, shape, source, offset };
  if (type === undefined) {
    const name = GGMLQuantizationType[info.dtype] ?? info.dtype;
    const known = Object.keys(STORED_BLOCKS).join(", ");
    fail({ ...place, type: name }, "cannot be read", `${known} can`);
  }
  const bytes = storedBytes(type, shape);
  const isWhole = shape.at(-1)! % STORED_BLOCKS[type].numbers === 0;
  if (!isWhole || bytes === 0 || offset + bytes > source.size) {
    const state = `takes ${bytes} bytes from byte ${offset}`;
    const needed = `whole blocks within the file's ${source.size} are needed`;
    fail({ ...place, type }, state, needed);
  }
  return { ...place, type, bytes };
}

/**
 * Reads the divisors of the rotary frequencies that llama.cpp's converter
 * stores as `rope_freqs.weight` for Llama 3.1 and later.
 *
 * @param entry Place of the tensor, `[headDim / 2]` of f32, if it is there.
 * @throws {ModelFormatError} For another type or shape or a divisor that is
 * not a finite number above 0.
 */
export async function readRotaryDivisors(
  entry: TensorEntry | undefined,
): Promise<Float64Array | undefined> {
  if (entry === undefined) return undefined;
  if (entry.type !== "f32" || entry.shape.length !== 1) {
    fail(entry, "cannot be read", "a vector of f32 is needed");
  }
  const { source, offset, bytes } = entry;
  const data = await source.read(offset, bytes);
  const view = new DataView(data.buffer, data.byteOffset, bytes);
  const divisors = Float64Array.from(
    { length: bytes / 4 },
    (_, i) => view.getFloat32(i * 4, true),
  );
  const wrong = divisors.find((divisor) =>
    !(divisor > 0 && divisor < Infinity)
  );
  if (wrong === undefined) return divisors;
  fail(entry, `holds ${wrong}`, "finite numbers above 0 are needed");
}

function fail(
  tensor: Omit<TensorEntry, "type" | "bytes"> & { type: string | number },
  state: string,
  needed: string,
): never {
  const { name, source, shape, type } = tensor;
  throw new ModelFormatError(
    `Cannot open ${source.name}: tensor ${name} of type ${type} and shape [${
      shape.join(", ")
    }] ${state}, ${needed}`,
  );
}
