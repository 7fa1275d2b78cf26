// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Bytes of an f32, as a shift. */
export const F32: usize = 2;

/** `a · b + c`, fused where the engine has it. */
// #inline
export function madd(a: v128, b: v128, c: v128): v128 {
  if (ASC_FEATURE_RELAXED_SIMD) return f32x4.relaxed_madd(a, b, c);
  return f32x4.add(f32x4.mul(a, b), c);
}

/** Sum of the four lanes. */
// #inline
export function sum4(a: v128): f32 {
  const b = f32x4.add(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  return f32x4.extract_lane(b, 0) + f32x4.extract_lane(b, 1);
}

/** Largest of the four lanes. */
// #inline
export function max4(a: v128): f32 {
  const b = f32x4.pmax(a, v128.shuffle<i32>(a, a, 2, 3, 0, 1));
  const c = f32x4.pmax(b, v128.shuffle<i32>(b, b, 1, 0, 3, 2));
  return f32x4.extract_lane(c, 0);
}

/** Lane `i` of the result is the sum of the lanes of argument `i`. */
// #inline
export function sums4(a: v128, b: v128, c: v128, d: v128): v128 {
  const ab = f32x4.add(
    v128.shuffle<i32>(a, b, 0, 1, 4, 5),
    v128.shuffle<i32>(a, b, 2, 3, 6, 7),
  );
  const cd = f32x4.add(
    v128.shuffle<i32>(c, d, 0, 1, 4, 5),
    v128.shuffle<i32>(c, d, 2, 3, 6, 7),
  );
  return f32x4.add(
    v128.shuffle<i32>(ab, cd, 0, 2, 4, 6),
    v128.shuffle<i32>(ab, cd, 1, 3, 5, 7),
  );
}

/**
 * `e^x` to 3e-7 relative: `2^n · 2^f`, with `n` rounded by adding 1.5 · 2^23
 * and a polynomial of degree 5 for `2^f` on [-0.5, 0.5]. Clamped to ±87, where
 * f32 ends.
 */
// #inline
export function exp4(x: v128): v128 {
  const magic = f32x4.splat(12582912.0);
  x = f32x4.pmin(f32x4.splat(87.0), f32x4.pmax(f32x4.splat(-87.0), x));
  const t = f32x4.mul(x, f32x4.splat(1.4426950408889634));
  const rounded = f32x4.add(t, magic);
  const f = f32x4.sub(t, f32x4.sub(rounded, magic));
  let p = madd(f32x4.splat(0.0013264726), f, f32x4.splat(0.0096715146));
  p = madd(p, f, f32x4.splat(0.0555073377));
  p = madd(p, f, f32x4.splat(0.2402224205));
  p = madd(p, f, f32x4.splat(0.6931469776));
  p = madd(p, f, f32x4.splat(1.0));
  return i32x4.add(p, i32x4.shl(rounded, 23));
}

/**
 * Makes a load that only warms the cache look needed, as V8 drops others:
 * `touched` is the union of what was loaded, and `scrap` gets overwritten.
 */
// #inline
export function keep(touched: i32, scrap: usize): void {
  if (touched == 0x7fffffff) store<i32>(scrap, 0);
}
