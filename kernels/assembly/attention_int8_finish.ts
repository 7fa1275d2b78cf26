// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// What differs between products with keys (functions that end in 0), of which
// lanes are tokens, and with values (1), of which lanes are channels.
import { madd } from "./simd.ts";

/** Where the sums of four lanes start. */
// #inline
export function start_0(starts: usize): v128 {
  return v128.load(starts);
}

// #inline
export function start_1(_starts: usize): v128 {
  return i32x4.splat(0);
}

/** Bytes from the scales of a strip's lanes to the next's. */
export const SCALES_0: usize = 32, SCALES_1: usize = 0;

/** Scales of the keys: a score is the product of a sum, a row's unit and them. */
// #inline
export function scale_0(scales: usize, _row: usize, half: usize): v128 {
  return v128.load(scales + half);
}

/** Factor by which a row's earlier outputs shrink. */
// #inline
export function scale_1(scales: usize, row: usize, _half: usize): v128 {
  return v128.load32_splat(scales + row);
}

/** Writes four scores. */
// #inline
export function finish_0(to: usize, sum: v128, unit: v128, scale: v128): void {
  const factor = f32x4.mul(unit, scale);
  v128.store(to, f32x4.mul(f32x4.convert_i32x4_s(sum), factor));
}

/** Adds to four outputs. */
// #inline
export function finish_1(to: usize, sum: v128, unit: v128, scale: v128): void {
  const before = f32x4.mul(scale, v128.load(to));
  v128.store(to, madd(unit, f32x4.convert_i32x4_s(sum), before));
}
