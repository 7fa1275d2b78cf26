// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { max4 } from "./simd.ts";

/** Largest of `bytes / 4` floats, at least one. */
export function maximum(x: usize, bytes: usize): f32 {
  const end = x + bytes;
  let rest = load<f32>(x);
  let max0 = f32x4.splat(rest), max1 = max0;
  for (; x + 32 <= end; x += 32) {
    max0 = f32x4.pmax(max0, v128.load(x));
    max1 = f32x4.pmax(max1, v128.load(x, 16));
  }
  for (; x < end; x += 4) rest = max(rest, load<f32>(x));
  return max(rest, max4(f32x4.pmax(max0, max1)));
}
