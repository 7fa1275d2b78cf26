import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES, SPLIT } from "./grid.ts";
import { reduceMax, reduceSum } from "./reduce.ts";

/** Largest entry of each split of a row, and the sum of `exp` relative to it. */
const splitKernel: GpuKernel = {
  name: "softmax of a split",
  tensors: { x: read(), splits: write() },
  u32: ["width"],
  f32: ["temperature"],
  words: ([width], [count, n]) => n * (width + 2 * count),
  code: (features) => `
${reduceMax(features, LANES)}
${reduceSum(features, LANES)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = params.x_offset + group.y * params.x_stride;
  let start = group.x * ${SPLIT}u;
  let end = min(start + ${SPLIT}u, params.width);
  var most = x[row + start];
  for (var c = start + lane; c < end; c += ${LANES}u) {
    most = max(most, x[row + c]);
  }
  most = reduceMax(most, lane);
  var sum = 0.0;
  for (var c = start + lane; c < end; c += ${LANES}u) {
    sum += exp((x[row + c] - most) / params.temperature);
  }
  sum = reduceSum(sum, lane);
  if (lane == 0u) {
    let at = params.splits_offset + 2u * (group.y * groups.x + group.x);
    splits[at] = most;
    splits[at + 1u] = sum;
  }
}
`,
};

/** Each workgroup merges all splits of its row and scales one of them. */
const scaleKernel: GpuKernel = {
  name: "softmax",
  tensors: { x: write(), splits: read() },
  u32: ["width"],
  f32: ["temperature"],
  words: ([width], [count, n]) => n * (2 * width + 2 * count),
  code: (features) => `
${reduceMax(features, LANES)}
${reduceSum(features, LANES)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = params.splits_offset + 2u * group.y * groups.x;
  var most = splits[first];
  for (var s = lane; s < groups.x; s += ${LANES}u) {
    most = max(most, splits[first + 2u * s]);
  }
  most = reduceMax(most, lane);
  var sum = 0.0;
  for (var s = lane; s < groups.x; s += ${LANES}u) {
    let relative = exp((splits[first + 2u * s] - most) / params.temperature);
    sum += relative * splits[first + 2u * s + 1u];
  }
  sum = reduceSum(sum, lane);
  let row = params.x_offset + group.y * params.x_stride;
  let start = group.x * ${SPLIT}u;
  let end = min(start + ${SPLIT}u, params.width);
  for (var c = start + lane; c < end; c += ${LANES}u) {
    x[row + c] = exp((x[row + c] - most) / params.temperature) / sum;
  }
}
`,
};

/** The kernels of {@linkcode softmax}. */
export const softmaxKernels: readonly GpuKernel[] = [splitKernel, scaleKernel];

/** {@linkcode Kernels.softmax}, rows split over workgroups: two dispatches. */
export function softmax(
  queue: GpuQueue,
  x: GpuTensor,
  n: number,
  temperature: number,
): void {
  const groups: [number, number] = [Math.ceil(x.width / SPLIT), n];
  const splits = queue.scratch(2 * groups[0] * n);
  for (const kernel of softmaxKernels) {
    queue.dispatch(kernel, [x, splits], [x.width], [temperature], groups);
  }
}
