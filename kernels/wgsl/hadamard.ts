/**
 * WGSL of `hadamard(own: vec4<f32>, lane: u32) -> vec4<f32>`, which turns
 * vectors as keys of type `int8` are: those that `params.quads` consecutive
 * lanes of a workgroup of `size` (a power of two) hold, from lane 0 on. All
 * invocations must call it. It uses `turning`, an array of `size` vectors in
 * workgroup memory, which the kernel may name as one that it has.
 */
export function hadamard(size: number, turning?: string): string {
  const name = turning ?? "turning";
  const own = `var<workgroup> turning: array<vec4<f32>, ${size}>;`;
  return `
${turning ? "" : own}

fn hadamard(own: vec4<f32>, lane: u32) -> vec4<f32> {
  let pairs = vec4<f32>(
    own.x + own.y, own.x - own.y, own.z + own.w, own.z - own.w,
  );
  var x = vec4<f32>(pairs.xy + pairs.zw, pairs.xy - pairs.zw);
  // Largest power of two that divides the quads.
  let block = params.quads & (~params.quads + 1u);
  for (var half = 1u; half < block; half *= 2u) {
    workgroupBarrier();
    ${name}[lane] = x;
    workgroupBarrier();
    let other = ${name}[lane ^ half];
    x = select(x + other, other - x, (lane & half) != 0u);
  }
  return x / sqrt(f32(4u * block));
}`;
}
