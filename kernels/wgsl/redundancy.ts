import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";
import { entry } from "./per_score.ts";
import { TILE } from "./products.ts";
import { reduceMax, reduceSum } from "./reduce.ts";
import { redundancyLastKernel } from "./redundancy_last.ts";
import { redundancyMeansKernel } from "./redundancy_means.ts";
import {
  redundancySizes,
  scratchPlaces,
  scratchWords,
} from "./redundancy_scratch.ts";
import { redundancyUnitsKernel } from "./redundancy_units.ts";

/** Most splits of the ranks whose unit keys are summed apart. */
const MOST_SPLITS = 16;

/** Softmax of the mean similarities, a workgroup a head. */
const softmaxKernel: GpuKernel = {
  name: "redundancy",
  tensors: { scratch: read(), out: write() },
  u32: [...redundancySizes, "older"],
  code: (features) => `
${reduceMax(features, LANES)}
${reduceSum(features, LANES)}
${scratchPlaces}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  var top = scratch[meanAt(h, 0u)];
  for (var r = lane; r < params.n; r += ${LANES}u) {
    top = max(top, scratch[meanAt(h, r)]);
  }
  top = reduceMax(top, lane);
  var sum = 0.0;
  for (var r = lane; r < params.n; r += ${LANES}u) {
    sum += exp(scratch[meanAt(h, r)] - top);
  }
  sum = reduceSum(sum, lane);
  for (var r = lane; r < params.older; r += ${LANES}u) {
    ${entry("out")} = exp(scratch[meanAt(h, r)] - top) / sum;
  }
}`,
};

/** The kernels of {@linkcode redundancy}. */
export const redundancyKernels: readonly GpuKernel[] = [
  redundancyUnitsKernel,
  redundancyLastKernel,
  redundancyMeansKernel,
  softmaxKernel,
];

/**
 * See {@linkcode Kernels.redundancy}; four dispatches. The sum of a row's
 * similarities is its product with the sum of all rows, so that only the rule
 * about near-duplicates looks at pairs.
 */
export function redundancy(
  queue: GpuQueue,
  { keys }: GpuCache,
  order: GpuTensor,
  out: GpuTensor,
  n: number,
  window: number,
): void {
  const [kvHeads, _, headDim] = keys.shape;
  const tiles = Math.ceil(n / TILE);
  const span = Math.ceil(tiles / Math.min(tiles, MOST_SPLITS)) * TILE;
  const splits = Math.ceil(n / span);
  const scratch = queue.scratch(kvHeads * scratchWords(n, headDim, splits));
  const tensors = [keys, order, scratch];
  const sizes = [n, headDim / 4, splits];
  const whole = [...sizes, span];
  queue.dispatch(redundancyUnitsKernel, tensors, whole, [], [splits, kvHeads]);
  queue.dispatch(redundancyLastKernel, tensors, sizes, [], [tiles, kvHeads]);
  const groups = [Math.ceil(n / LANES), kvHeads] as const;
  queue.dispatch(redundancyMeansKernel, tensors, sizes, [], groups);
  const older = [...sizes, n - window];
  queue.dispatch(softmaxKernel, [scratch, out], older, [], [kvHeads]);
}
