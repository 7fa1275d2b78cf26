// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { madd, max4 } from "./simd.ts";

// A block of quantised activations: 32 inputs of a linear layer as integers,
// in 64 bytes whose use depends on the kernels, then how to read them.

/** Bytes of a block. */
export const BLOCK: usize = 112;
/** f32: what one unit of the integers is worth. */
export const SCALE: usize = 96;
/** i32: where the sum of a dot product starts. */
export const START: usize = 100;
/** f32 (q4): sum of the inputs, which is what a minimum is multiplied by. */
export const SUM: usize = 104;

/**
 * The largest integer: 14 bits and a sign. Over two English texts of 256 tokens
 * SmolLM2-135M's (Q4_1) mean KL divergence from products of unrounded inputs is
 * 2e-7 and 2e-6; with 7 bits and a sign it was 3e-3 and 2e-2.
 */
export const LARGEST: f32 = 16383;

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
 * Integers per unit when an input of `largest` becomes the largest integer. 0
 * when that would not be finite: inputs so small count as zero.
 */
// #inline
export function inverseScale(largest: f32): f32 {
  return largest > 1e-30 ? LARGEST / largest : 0;
}

/** Sum of 4 integers. */
// #inline
export function integers4(v: v128): i32 {
  v = i32x4.add(v, v128.shuffle<i32>(v, v, 2, 3, 0, 1));
  return i32x4.extract_lane(v, 0) + i32x4.extract_lane(v, 1);
}

/** 8 floats as 16-bit integers, `nearest(x · inverse)`. */
// #inline
export function words8(x: usize, inverse: v128): v128 {
  const magic = f32x4.splat(12582912.0);
  // #for $i 0 2
  const v$i = i32x4.sub(madd(v128.load(x, $i * 16), inverse, magic), magic);
  // #end
  return i16x8.narrow_i32x4_s(v0, v1);
}

/** Sum of 8 16-bit integers. */
// #inline
export function sum8(words: v128): i32 {
  return integers4(i32x4.extadd_pairwise_i16x8_s(words));
}
