import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, rowGroups } from "./grid.ts";

/** One entry per invocation, as bits: of any type, NaN unchanged. */
export const copyKernel: GpuKernel = {
  name: "copy",
  tensors: { source: read("u32"), destination: write("u32") },
  u32: ["width", "first", "to"],
  words: ([width], [_, n]) => 2 * width * n,
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  if (id.x >= params.width) { return; }
  let row = (params.first + id.y) * params.source_stride;
  let to = (params.to + id.y) * params.destination_stride;
  destination[params.destination_offset + to + id.x] =
    source[params.source_offset + row + id.x];
}
`,
};

/** {@linkcode Kernels.copy}, between different buffers. */
export function copy(
  queue: GpuQueue,
  source: GpuTensor,
  from: number,
  target: GpuTensor,
  to: number,
  n: number,
): void {
  const { width } = source;
  const groups = rowGroups(width, n);
  queue.dispatch(copyKernel, [source, target], [width, from, to], [], groups);
}
