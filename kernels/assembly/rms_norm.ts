// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { madd, sum4 } from "./simd.ts";

/**
 * `out = x / sqrt(mean(x²) + epsilon) · weight` for `n` entries of `inner`
 * consecutive rows of `width` floats; `out` may be `x`.
 */
export function rmsNorm(
  x: usize,
  xStride: usize,
  n: i32,
  inner: i32,
  weight: usize,
  width: i32,
  epsilon: f32,
  out: usize,
  outStride: usize,
): void {
  const bytes = <usize> width << 2;
  for (; n > 0; n--) {
    for (let row: usize = 0; row < <usize> inner * bytes; row += bytes) {
      const mean = sumOfSquares(x + row, bytes) / <f32> width;
      const factor: f32 = 1 / sqrt<f32>(mean + epsilon);
      scale(x + row, factor, weight, bytes, out + row);
    }
    x += xStride;
    out += outStride;
  }
}

function sumOfSquares(x: usize, bytes: usize): f32 {
  // #for $i 0 4
  let sum$i = f32x4.splat(0);
  // #end
  const end = x + bytes;
  for (; x + 64 <= end; x += 64) {
    // #for $i 0 4
    const x$i = v128.load(x, $i * 16);
    sum$i = madd(x$i, x$i, sum$i);
    // #end
  }
  for (; x < end; x += 4) {
    const rest = v128.load32_zero(x);
    sum0 = madd(rest, rest, sum0);
  }
  return sum4(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

function scale(
  x: usize,
  factor: f32,
  weight: usize,
  bytes: usize,
  out: usize,
): void {
  const factors = f32x4.splat(factor);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const scaled = f32x4.mul(v128.load(x + i), factors);
    v128.store(out + i, f32x4.mul(scaled, v128.load(weight + i)));
  }
  for (; i < bytes; i += 4) {
    store<f32>(out + i, load<f32>(x + i) * factor * load<f32>(weight + i));
  }
}
