// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Bits of a key that a pass looks at, and the values that they have. */
export const DIGIT: i32 = 11;
export const DIGITS: i32 = 2048;

/** Bytes of a histogram. */
export const HISTOGRAM: usize = 8192;

/** Address of the count of the digit of `key` that starts at bit `shift`. */
// #inline
export function countOf(histogram: usize, key: u32, shift: u32): usize {
  return histogram + (<usize> (key >> shift & (DIGITS - 1)) << 2);
}
