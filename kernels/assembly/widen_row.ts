// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { floats_1 } from "./floats.ts";

/**
 * Copies a cached vector of elements of `size` bytes (4: f32, 2: f16, 1: int8)
 * to `target`, as `width` bytes of floats.
 *
 * @param scale Address of the scale of an int8 vector.
 */
export function widenRow(
  size: i32,
  row: usize,
  scale: usize,
  target: usize,
  width: usize,
): void {
  if (size == 4) memory.copy(target, row, width);
  else if (size == 2) widenHalves(row, target, width);
  else widenIntegers(row, load<f32>(scale), target, width);
}

// #inline
function widenHalves(row: usize, target: usize, width: usize): void {
  for (const end = target + width; target < end; target += 16, row += 8) {
    v128.store(target, floats_1(row));
  }
}

// #inline
function widenIntegers(
  row: usize,
  scale: f32,
  target: usize,
  width: usize,
): void {
  const scales = f32x4.splat(scale);
  for (const end = target + width; target < end; target += 16, row += 4) {
    v128.store(target, f32x4.mul(integers4(row), scales));
  }
}

/** Four signed bytes as floats. */
// #inline
function integers4(at: usize): v128 {
  const words = i16x8.extend_low_i8x16_s(v128.load32_zero(at));
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words));
}
