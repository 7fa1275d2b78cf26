/**
 * WGSL of `refuseNonFinite(bits: vec4<u32>, code: u32)`, for kernels with a
 * tensor `flag: atomic<u32>`: it becomes the lowest code refused, and codes
 * count up. Bits are looked at, for compilers may take floats for finite.
 */
export const refuseNonFinite: string = `
fn refuseNonFinite(bits: vec4<u32>, code: u32) {
  let exponent = vec4<u32>(0x7f800000u);
  if (any((bits & exponent) == exponent)) {
    atomicMin(&flag[params.flag_offset], code);
  }
}`;
