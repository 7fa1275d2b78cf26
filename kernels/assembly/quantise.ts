// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { max4 } from "./simd";

// A block of quantised activations: 32 inputs of a linear layer as integers,
// in 64 bytes whose use depends on the kernels, then how to read them.

/** Bytes of a block. */
export const BLOCK: usize = 80;
/** f32: what one unit of the integers is worth. */
export const SCALE: usize = 64;
/** i32: where the sum of a dot product starts. */
export const START: usize = 68;
/** f32 (q4): sum of the inputs, which is what a minimum is multiplied by. */
export const SUM: usize = 72;

/** Largest magnitude of 32 floats. */
// #inline
export function largest32(x: usize): f32 {
  // #for $i 0 8
  const v$i = f32x4.abs(v128.load(x, $i * 16));
  // #end
  const low = f32x4.pmax(f32x4.pmax(v0, v1), f32x4.pmax(v2, v3));
  const high = f32x4.pmax(f32x4.pmax(v4, v5), f32x4.pmax(v6, v7));
  return max4(f32x4.pmax(low, high));
}

/**
 * How many steps one unit has when `largest` has `steps`. None when the inputs
 * are so small that it would not be finite: they count as zero.
 */
// #inline
export function scaleOf(steps: f32, largest: f32): f32 {
  return largest > 1e-30 ? steps / largest : 0;
}

/** Sum of 4 integers. */
// #inline
export function integers4(v: v128): i32 {
  v = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1);
}

/** Sum of 16 signed bytes. */
// #inline
export function sum16(bytes: v128): i32 {
  const pairs = i16x8.extadd_pairwise_i8x16_s(bytes);
  return integers4(i32x4.extadd_pairwise_i16x8_s(pairs));
}
