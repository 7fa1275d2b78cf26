import type { StoredType } from "./checkpoint.ts";

/**
 * How many numbers the smallest unit of a type holds, and in how many bytes
 * (ggml's `ggml-common.h`: a float16 scale, for q4_1 a float16 minimum too,
 * then 32 numbers of 8 or 4 bits).
 */
export const STORED_BLOCKS: Record<
  StoredType,
  { numbers: number; bytes: number }
> = {
  f32: { numbers: 1, bytes: 4 },
  f16: { numbers: 1, bytes: 2 },
  bf16: { numbers: 1, bytes: 2 },
  q8_0: { numbers: 32, bytes: 34 },
  q4_0: { numbers: 32, bytes: 18 },
  q4_1: { numbers: 32, bytes: 20 },
};

/**
 * Bytes of a tensor.
 *
 * @param type Form of its numbers.
 * @param shape Outermost first; rows that are not whole blocks give a
 * fraction, which no file can hold.
 */
export function storedBytes(type: StoredType, shape: number[]): number {
  const { numbers, bytes } = STORED_BLOCKS[type];
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, n) => product * n, 1);
  return rows * (columns / numbers) * bytes;
}
