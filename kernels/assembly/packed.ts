// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// How weights lie in memory. Tiles of 16 rows follow each other, blocks of
// inputs within a tile: products read a matrix from its first to its last byte.
// A vector holds the same inputs of 4 rows: lanes are rows, and no sum ever
// crosses lanes.
//
// Quantised types, per block of 32 inputs: vectors of 4 rows × 4 inputs (q8_0:
// vector `4 g + r` holds inputs `4 g …` of rows `4 r …`; q4: of inputs `8 j …`
// in the low and `8 j + 4 …` in the high nibbles of vector `4 j + r`), then 16
// f16 scales, then (q4_1) 16 f16 minima, as they were stored: a product of one
// token waits for memory, and f32 would be a sixth more of it for q4_1.
//
// Floats, per input: the values of 16 rows, as wide as they were stored.

/** Codes of the stored types, which are ggml's. */
export enum StoredType {
  F32 = 0,
  F16 = 1,
  Q4_0 = 2,
  Q4_1 = 3,
  Q8_0 = 8,
  BF16 = 30,
}

/** Bytes of 32 inputs of one row in the stored form. */
export const Q8_STORED: usize = 34;
export const Q4_0_STORED: usize = 18;
export const Q4_1_STORED: usize = 20;

/** Bytes of 32 inputs of a tile. */
export const Q8_BLOCK: usize = 544;
export const Q4_0_BLOCK: usize = 288;
export const Q4_1_BLOCK: usize = 320;

/** Where a block's scales and minima are. */
export const Q8_SCALES: usize = 512;
export const Q4_SCALES: usize = 256;
export const Q4_MINIMA: usize = 288;

/** Whether weights of a type are multiplied as integers. */
// #inline
export function isQuantised(type: i32): bool {
  return type != StoredType.F32 && type != StoredType.F16 &&
    type != StoredType.BF16;
}

/** Bytes of one row in the stored form. */
export function storedBytes(type: i32, columns: i32): usize {
  const blocks = <usize> columns >> 5;
  if (type == StoredType.Q8_0) return blocks * Q8_STORED;
  if (type == StoredType.Q4_0) return blocks * Q4_0_STORED;
  if (type == StoredType.Q4_1) return blocks * Q4_1_STORED;
  return <usize> columns << (type == StoredType.F32 ? 2 : 1);
}

/** Bytes of a tile, the last of which is padded to 16 rows. */
export function tileBytes(type: i32, columns: i32): usize {
  const blocks = <usize> columns >> 5;
  if (type == StoredType.Q8_0) return blocks * Q8_BLOCK;
  if (type == StoredType.Q4_0) return blocks * Q4_0_BLOCK;
  if (type == StoredType.Q4_1) return blocks * Q4_1_BLOCK;
  return <usize> columns << (type == StoredType.F32 ? 6 : 5);
}
