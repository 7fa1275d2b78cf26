import type { GpuKernel } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { typeOf } from "./cache_types.ts";
import { rowGroups } from "./grid.ts";
import { TILE } from "./products.ts";
import { redundancyLastKernels } from "./redundancy_last.ts";
import { redundancyMeansKernels } from "./redundancy_means.ts";
import { scratchWords } from "./redundancy_scratch.ts";
import { redundancyUnitsKernels } from "./redundancy_units.ts";

/** Most splits of the ranks whose unit keys are summed apart. */
const MOST_SPLITS = 16;

/** The kernels of {@linkcode redundancy}. */
export const redundancyKernels: readonly GpuKernel[] = [
  redundancyUnitsKernels,
  redundancyLastKernels,
  redundancyMeansKernels,
].flatMap((kernels) => Object.values(kernels));

/** What the dispatches after that of {@linkcode sumUnits} are called with. */
export interface UnitSums {
  /** Keys, order and scratch. */
  readonly tensors: readonly GpuTensor[];
  /** Numbers for {@linkcode redundancySizes}. */
  readonly sizes: readonly number[];
}

/** Lengths and sums of unit keys, into scratch; one dispatch. */
export function sumUnits(
  queue: GpuQueue,
  { keys }: GpuCache,
  order: GpuTensor,
  n: number,
): UnitSums {
  const [kvHeads, _, headDim] = keys.shape;
  const tiles = Math.ceil(n / TILE);
  const span = Math.ceil(tiles / Math.min(tiles, MOST_SPLITS)) * TILE;
  const splits = Math.ceil(n / span);
  const scratch = queue.scratch(kvHeads * scratchWords(n, headDim, splits));
  const tensors = [keys, order, scratch];
  const sizes = [n, headDim / 4, splits];
  const whole = [...sizes, span];
  const kernel = redundancyUnitsKernels[typeOf(keys)];
  queue.dispatch(kernel, tensors, whole, [], [splits, kvHeads]);
  return { tensors, sizes };
}

/**
 * See {@linkcode Kernels.redundancy}; three dispatches. The sum of a row's
 * similarities is its product with the sum of all rows, so that only the rule
 * about near-duplicates looks at pairs.
 */
export function redundancy(
  queue: GpuQueue,
  cache: GpuCache,
  order: GpuTensor,
  similarities: GpuTensor,
  n: number,
): void {
  const { tensors, sizes } = sumUnits(queue, cache, order, n);
  const [[kvHeads], type] = [cache.keys.shape, typeOf(cache.keys)];
  const tiles = [Math.ceil(n / TILE), kvHeads] as const;
  queue.dispatch(redundancyLastKernels[type], tensors, sizes, [], tiles);
  const all = [...tensors, similarities];
  const groups = rowGroups(n, kvHeads);
  queue.dispatch(redundancyMeansKernels[type], all, sizes, [], groups);
}
