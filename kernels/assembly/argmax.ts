// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { maximum } from "./maximum.ts";

/** Index of the largest entry of each row, the lowest on ties, as i32. */
export function argmax(
  x: usize,
  xStride: usize,
  n: i32,
  width: i32,
  out: usize,
): void {
  const bytes = <usize> width << 2;
  for (; n > 0; n--) {
    store<i32>(out, <i32> (find(x, bytes, maximum(x, bytes)) >> 2));
    x += xStride;
    out += 4;
  }
}

/** Offset of the first float equal to `value`, or 0. */
function find(x: usize, bytes: usize, value: f32): usize {
  const values = f32x4.splat(value);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const equal = i32x4.bitmask(f32x4.eq(v128.load(x + i), values));
    if (equal) return i + (<usize> ctz(equal) << 2);
  }
  for (; i < bytes; i += 4) if (load<f32>(x + i) == value) return i;
  return 0;
}
