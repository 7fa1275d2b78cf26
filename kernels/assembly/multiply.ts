// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Multiplies `bytes / 4` floats in place. */
export function multiply(x: usize, bytes: usize, factor: f32): void {
  const end = x + bytes, factors = f32x4.splat(factor);
  for (; x + 16 <= end; x += 16) {
    v128.store(x, f32x4.mul(v128.load(x), factors));
  }
  for (; x < end; x += 4) store<f32>(x, load<f32>(x) * factor);
}
