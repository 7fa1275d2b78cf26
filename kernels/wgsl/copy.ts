import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, rowGroups } from "./grid.ts";

/**
 * One word of 4 bytes per invocation, as bits: of any type, NaN unchanged.
 * Words of a row's elements come first, then those of its scales.
 */
export const copyKernel: GpuKernel = {
  name: "copy",
  tensors: { source: read("u32"), destination: write("u32") },
  u32: ["words", "scales", "perWord", "perScale", "first", "to"],
  words: ([words, scales], [_, n]) => 2 * (words + scales) * n,
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let row = (params.first + id.y) * params.source_stride;
  let to = (params.to + id.y) * params.destination_stride;
  if (id.x < params.words) {
    let place = (params.destination_offset + to) / params.perWord + id.x;
    destination[place] =
      source[(params.source_offset + row) / params.perWord + id.x];
    return;
  }
  let scale = id.x - params.words;
  if (scale >= params.scales) { return; }
  let place = params.destination_scales + to / params.perScale + scale;
  destination[place] =
    source[params.source_scales + row / params.perScale + scale];
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
  const { width, scaled, elementBytes } = source;
  const perWord = 4 / elementBytes;
  const [words, scales] = [width / perWord, scaled && width / scaled];
  queue.dispatch(
    copyKernel,
    [source, target],
    [words, scales, perWord, scaled || 1, from, to],
    [],
    rowGroups(words + scales, n),
  );
}
