import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, rowGroups } from "./grid.ts";

/** One entry per invocation; the exponent is never positive: no infinity. */
export const swigluKernel: GpuKernel = {
  name: "swiglu",
  tensors: { gateUp: read(), out: write() },
  u32: ["width"],
  words: ([width], [_, n]) => 3 * width * n,
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width) { return; }
  let at = params.gateUp_offset + id.y * params.gateUp_stride + id.x;
  let gate = gateUp[at];
  let small = exp(-abs(gate));
  let sigmoid = select(small, 1.0, gate >= 0.0) / (1.0 + small);
  out[params.out_offset + id.y * params.out_stride + id.x] =
    gate * sigmoid * gateUp[at + params.width];
}
`,
};

/** {@linkcode Kernels.swiglu}. */
export function swiglu(
  queue: GpuQueue,
  gateUp: GpuTensor,
  out: GpuTensor,
  n: number,
): void {
  const groups = rowGroups(out.width, n);
  queue.dispatch(swigluKernel, [gateUp, out], [out.width], [], groups);
}
