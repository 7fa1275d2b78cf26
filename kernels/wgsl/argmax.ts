import type { GpuFeatures } from "../../gpu/device.ts";
import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, SPLIT } from "./grid.ts";
import { reduceLowest, reduceMax } from "./reduce.ts";

/** `best(value, index, lane)`: the lowest index of a workgroup's largest value. */
const best = (features: GpuFeatures) => `
${reduceMax(features, LANES)}
${reduceLowest(features, LANES)}

struct Best { value: f32, index: u32 }

fn best(value: f32, index: u32, lane: u32) -> Best {
  let most = reduceMax(value, lane);
  return Best(most, reduceLowest(select(~0u, index, value == most), lane));
}
`;

/** Value and index of the largest entry of each split of a row. */
const splitKernel: GpuKernel = {
  name: "argmax of a split",
  tensors: { x: read(), splits: write("u32") },
  u32: ["width"],
  words: ([width], [count, n]) => n * (width + 2 * count),
  code: (features) => `
${best(features)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.x_offset + group.y * params.x_stride;
  let start = group.x * ${SPLIT}u;
  let end = min(start + ${SPLIT}u, params.width);
  var index = min(start + lane, end - 1u);
  var value = x[row + index];
  for (var c = start + lane + ${LANES}u; c < end; c += ${LANES}u) {
    if (x[row + c] > value) {
      index = c;
      value = x[row + c];
    }
  }
  let found = best(value, index, lane);
  if (lane == 0u) {
    let at = params.splits_offset + 2u * (group.y * groups.x + group.x);
    splits[at] = bitcast<u32>(found.value);
    splits[at + 1u] = found.index;
  }
}
`,
};

/** The best of the splits of a row, which are in the order of their indices. */
const mergeKernel: GpuKernel = {
  name: "argmax",
  tensors: { splits: read("u32"), out: write("i32") },
  u32: ["count"],
  words: ([count], [n]) => n * (count + 2),
  code: (features) => `
${best(features)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) row: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = params.splits_offset + 2u * row.x * params.count;
  var split = min(lane, params.count - 1u);
  var value = bitcast<f32>(splits[first + 2u * split]);
  for (var s = lane + ${LANES}u; s < params.count; s += ${LANES}u) {
    let other = bitcast<f32>(splits[first + 2u * s]);
    if (other > value) {
      split = s;
      value = other;
    }
  }
  let found = best(value, split, lane);
  if (lane == 0u) {
    let index = splits[first + 2u * found.index + 1u];
    out[params.out_offset + row.x] = i32(index);
  }
}
`,
};

/** The kernels of {@linkcode argmax}. */
export const argmaxKernels: readonly GpuKernel[] = [splitKernel, mergeKernel];

/** {@linkcode Kernels.argmax}, rows split over workgroups: two dispatches. */
export function argmax(
  queue: GpuQueue,
  x: GpuTensor,
  out: GpuTensor,
  n: number,
): void {
  const count = Math.ceil(x.width / SPLIT);
  const splits = queue.scratch(2 * count * n);
  queue.dispatch(splitKernel, [x, splits], [x.width], [], [count, n]);
  queue.dispatch(mergeKernel, [splits, out], [count], [], [n]);
}
