import type { GpuKernel } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";
import { TILE } from "./products.ts";
import { redundancyLastKernel } from "./redundancy_last.ts";
import { redundancyMeansKernel } from "./redundancy_means.ts";
import { scratchWords } from "./redundancy_scratch.ts";
import { redundancyUnitsKernel } from "./redundancy_units.ts";

/** Most splits of the ranks whose unit keys are summed apart. */
const MOST_SPLITS = 16;

/** The kernels of {@linkcode redundancy}. */
export const redundancyKernels: readonly GpuKernel[] = [
  redundancyUnitsKernel,
  redundancyLastKernel,
  redundancyMeansKernel,
];

/**
 * See {@linkcode Kernels.redundancy}; three dispatches. The sum of a row's
 * similarities is its product with the sum of all rows, so that only the rule
 * about near-duplicates looks at pairs.
 */
export function redundancy(
  queue: GpuQueue,
  { keys }: GpuCache,
  order: GpuTensor,
  similarities: GpuTensor,
  n: number,
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
  const all = [...tensors, similarities];
  queue.dispatch(redundancyMeansKernel, all, sizes, [], groups);
}
