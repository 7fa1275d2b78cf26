// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Reading f32, f16 and bf16: functions that end in 0, 1 and 2. An f16 becomes
// an f32 by moving its bits and multiplying by 2^112, exactly, be it subnormal
// or not.
const F16_UNIT: f32 = reinterpret<f32>(0x77800000);

/** Bytes from one input of a tile to the next. */
export const STEP_0: usize = 64, STEP_1: usize = 32, STEP_2: usize = 32;

// #inline
export function float_0(at: usize): f32 {
  return load<f32>(at);
}

// #inline
export function float_1(at: usize): f32 {
  const bits = <u32> (<i32> load<i16>(at) << 13) & 0x8fffe000;
  return reinterpret<f32>(bits) * F16_UNIT;
}

// #inline
export function float_2(at: usize): f32 {
  return reinterpret<f32>(<u32> load<u16>(at) << 16);
}

/** Four neighbours. */
// #inline
export function floats_0(at: usize): v128 {
  return v128.load(at);
}

// #inline
export function floats_1(at: usize): v128 {
  const bits = i32x4.shl(v128.load_ext<i16>(at), 13);
  const half = v128.and(bits, i32x4.splat(0x8fffe000));
  return f32x4.mul(half, f32x4.splat(F16_UNIT));
}

// #inline
export function floats_2(at: usize): v128 {
  return i32x4.shl(v128.load_ext<u16>(at), 16);
}
