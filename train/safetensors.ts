import { dirname } from "node:path";

/** A tensor to be written. */
export interface NamedTensor {
  /** As the file has it. */
  readonly name: string;
  /** Outermost first. */
  readonly shape: readonly number[];
  /** Row after row. */
  readonly values: Float32Array;
}

/** Form of the numbers in a file. */
export type FloatForm = "f32" | "f16";

/**
 * The bytes of a safetensors file.
 * Format: https://huggingface.co/docs/safetensors
 *
 * @param metadata Texts that are stored with the tensors.
 */
export function encodeSafetensors(
  tensors: readonly NamedTensor[],
  form: FloatForm,
  metadata: Record<string, string> = {},
): Uint8Array<ArrayBuffer> {
  const bytesEach = form === "f32" ? 4 : 2;
  const header: Record<string, unknown> = { __metadata__: metadata };
  let end = 0;
  for (const { name, shape, values } of tensors) {
    const start = end;
    end += values.length * bytesEach;
    const dtype = form.toUpperCase();
    header[name] = { dtype, shape, data_offsets: [start, end] };
  }
  const json = JSON.stringify(header);
  // Spaces align the data, as the format's own library does it.
  const encoded = new TextEncoder().encode(json);
  const length = Math.ceil(encoded.length / 8) * 8;
  const bytes = new Uint8Array(8 + length + end).fill(0x20, 8, 8 + length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(length), true);
  bytes.set(encoded, 8);
  let at = 8 + length;
  for (const { values } of tensors) {
    const numbers = form === "f32" ? values : new Float16Array(values);
    const { buffer, byteOffset, byteLength } = numbers;
    bytes.set(new Uint8Array(buffer, byteOffset, byteLength), at);
    at += byteLength;
  }
  return bytes;
}

/** Writes a file so that it is there as a whole or as it was before. */
export async function writeWhole(
  path: string,
  content: Uint8Array | string,
): Promise<void> {
  await Deno.mkdir(dirname(path), { recursive: true });
  const next = `${path}.next`;
  if (typeof content === "string") await Deno.writeTextFile(next, content);
  else await Deno.writeFile(next, content);
  await Deno.rename(next, path);
}
