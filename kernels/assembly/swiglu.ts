// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { exp4 } from "./simd.ts";

/**
 * `out = gate · sigmoid(gate) · up` for `n` rows of `width` gates, then
 * `width` ups.
 */
export function swiglu(
  gateUp: usize,
  gateUpStride: usize,
  n: i32,
  width: i32,
  out: usize,
  outStride: usize,
): void {
  for (; n > 0; n--) {
    swigluRow(gateUp, <usize> width << 2, out);
    gateUp += gateUpStride;
    out += outStride;
  }
}

function swigluRow(gate: usize, bytes: usize, out: usize): void {
  const up = gate + bytes;
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const gated = silu(v128.load(gate + i));
    v128.store(out + i, f32x4.mul(gated, v128.load(up + i)));
  }
  for (; i < bytes; i += 4) {
    const gated = silu(v128.load32_zero(gate + i));
    const product = f32x4.mul(gated, v128.load32_zero(up + i));
    v128.store32_lane(out + i, product, 0);
  }
}

/** `x · sigmoid(x)`; zero below -87, where it is less than f32 can tell. */
// #inline
function silu(x: v128): v128 {
  const one = f32x4.splat(1);
  const value = f32x4.div(x, f32x4.add(one, exp4(f32x4.neg(x))));
  return v128.and(value, f32x4.gt(x, f32x4.splat(-87)));
}
