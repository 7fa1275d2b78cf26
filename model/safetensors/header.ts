import type { TensorEntry } from "../checkpoint/checkpoint.ts";
import { storedBytes, type StoredType } from "../../kernels/stored.ts";
import { ModelFormatError } from "../checkpoint/error.ts";
import { Fields } from "../checkpoint/fields.ts";
import { readJson } from "./json.ts";
import type { ByteSource } from "../checkpoint/source.ts";

const TYPES: Record<string, StoredType> = {
  F32: "f32",
  F16: "f16",
  BF16: "bf16",
};

/** Bytes before the header: its length. */
const LENGTH_BYTES = 8;

/**
 * Places of the tensors in one safetensors file, under the names it gives
 * them. Format: https://huggingface.co/docs/safetensors
 *
 * @param source The file; only its header is read.
 * @throws {ModelFormatError} For a header that does not fit the file, a type
 * other than F32, F16 or BF16, and a place that does not fit shape and file.
 */
export async function safetensorsEntries(
  source: ByteSource,
): Promise<TensorEntry[]> {
  const length = await headerLength(source);
  const fields = new Fields(
    source.name,
    await readJson(source, LENGTH_BYTES, length),
  );
  return fields.names()
    .filter((name) => name !== "__metadata__")
    .map((name) => tensorEntry(source, fields, name, LENGTH_BYTES + length));
}

async function headerLength(source: ByteSource): Promise<number> {
  const bytes = await source.read(0, LENGTH_BYTES);
  const view = new DataView(bytes.buffer, bytes.byteOffset, LENGTH_BYTES);
  const length = Number(view.getBigUint64(0, true));
  const most = source.size - LENGTH_BYTES;
  if (length <= most) return length;
  throw new ModelFormatError(
    `Cannot open ${source.name}: its header length is ${length}, at most ${most} fit in the file`,
  );
}

function tensorEntry(
  source: ByteSource,
  fields: Fields,
  name: string,
  start: number,
): TensorEntry {
  const tensor = fields.inner(name) ??
    fields.fail(name, "a description is needed");
  const type = typeOf(tensor);
  const shape = wholeNumbers(tensor, "shape");
  const [first = 0, end = 0] = wholeNumbers(tensor, "data_offsets");
  const bytes = storedBytes(type, shape);
  const room = source.size - start;
  if (end - first !== bytes || bytes === 0 || end > room) {
    const needed = `${bytes} bytes within the file's ${room} are needed`;
    tensor.fail("data_offsets", needed);
  }
  return { name, type, shape, source, offset: start + first, bytes };
}

function typeOf(tensor: Fields): StoredType {
  const dtype = tensor.text("dtype");
  if (Object.hasOwn(TYPES, dtype)) return TYPES[dtype]!;
  tensor.fail("dtype", `one of ${Object.keys(TYPES).join(", ")} is needed`);
}

function wholeNumbers(tensor: Fields, field: string): number[] {
  const value = tensor.get(field);
  if (Array.isArray(value) && value.every(isWhole)) return value;
  tensor.fail(field, "a list of whole numbers is needed");
}

function isWhole(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
