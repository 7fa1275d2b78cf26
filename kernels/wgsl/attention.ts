import type { GpuKernel } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTally, GpuTensor } from "../../gpu/tensor.ts";
import { mergeKernel, mergeTallyKernel, SIZE } from "./attention_merge.ts";
import { attentionSplitKernels, TILE } from "./attention_split.ts";
import { typeOf } from "./cache_types.ts";
import { LANES } from "./grid.ts";

/** Workgroups that fill a GPU. */
const ENOUGH = 256;
/** Most splits: those of a row are merged one after the other. */
const MOST_SPLITS = 64;
/** Most bytes of scores that wait for a tally. */
const MOST_SCORES = 2 ** 24;

/** For a token of a small group. */
const narrow = attentionSplitKernels(4);
/** For larger groups and for several tokens. */
const wide = attentionSplitKernels(8);

/** The kernels of {@linkcode attention}. */
export const attentionKernels: readonly GpuKernel[] = [
  ...Object.values(narrow),
  ...Object.values(wide),
  mergeKernel,
  mergeTallyKernel,
];

/** How an attention is divided among workgroups. */
interface Plan {
  /** Rows, heads that share a KV head, quads of a head. */
  readonly sizes: readonly [rows: number, group: number, quads: number];
  readonly kvHeads: number;
  /** Rows of a workgroup of the first dispatch. */
  readonly most: 4 | 8;
  /** Slots of a split. */
  readonly span: number;
  readonly splits: number;
  /** Vectors that the splits' results take in scratch. */
  readonly partials: number;
}

/**
 * See {@linkcode Kernels.attention}; one dispatch, or two where the slots are
 * split over workgroups because there are too few rows to fill a GPU, or where
 * there is a tally. So many queries that a tally's scores would take too much
 * memory go one part after the other.
 *
 * @param code Raises `flag` for q.
 */
export function attention(
  queue: GpuQueue,
  q: GpuTensor,
  cache: GpuCache,
  out: GpuTensor,
  n: number,
  cached: number,
  flag: GpuTensor,
  code: number,
  tally?: GpuTally,
  tallied = 0,
): void {
  const before = cached - n;
  const most = tally ? queriesAtOnce(q, cache, cached) : n;
  for (let i = 0; i < n; i += most) {
    const count = Math.min(most, n - i);
    const [query, result] = [q, out].map((all) =>
      all.part([count, ...all.shape.slice(1)], i * all.stride)
    );
    const end = before + i + count;
    const plan = planFor(query, cache, count, end);
    const scores = tally ? plan.partials : 0;
    split(queue, plan, query, cache, result, count, end, scores, flag, code);
    if (tally) mergeTally(queue, plan, result, count, end, tally, tallied + i);
    else if (plan.splits > 1) merge(queue, plan, result);
  }
}

/** Queries whose scores fit into {@linkcode MOST_SCORES}, one at least. */
function queriesAtOnce(
  q: GpuTensor,
  { keys }: GpuCache,
  cached: number,
): number {
  const bytes = q.shape[1] * cached * Float32Array.BYTES_PER_ELEMENT;
  // Rows of a KV head are filled up to four.
  const filled = bytes + 3 * keys.shape[0] * cached * 4;
  return Math.max(1, Math.floor(1 + (MOST_SCORES - filled) / bytes));
}

function planFor(
  q: GpuTensor,
  { keys }: GpuCache,
  n: number,
  cached: number,
): Plan {
  const [kvHeads, _, headDim] = keys.shape;
  const [group, quads] = [q.shape[1] / kvHeads, headDim / 4];
  const rows = n * group;
  const most = rows <= 4 || 8 * quads > LANES ? 4 : 8;
  const span = spanOf(cached, Math.ceil(rows / most) * kvHeads);
  const splits = Math.ceil(cached / span);
  const partials = kvHeads * rows * splits * (quads + 1);
  return { sizes: [rows, group, quads], kvHeads, most, span, splits, partials };
}

/** Slots of a split, given the workgroups that there are without splits. */
function spanOf(cached: number, workgroups: number): number {
  const tiles = Math.ceil(cached / TILE);
  const wanted = Math.ceil(ENOUGH / workgroups);
  const splits = Math.min(tiles, wanted, MOST_SPLITS);
  return Math.ceil(tiles / splits) * TILE;
}

/** Scratch for the splits of a plan, and for scores from `scores` on. */
function scratchFor(
  queue: GpuQueue,
  { sizes: [rows], kvHeads, splits, partials }: Plan,
  cached: number,
  scores: number,
): GpuTensor {
  if (scores > 0) {
    return queue.scratch(4 * (scores + kvHeads * Math.ceil(rows / 4) * cached));
  }
  return queue.scratch(splits > 1 ? 4 * partials : 1);
}

function split(
  queue: GpuQueue,
  plan: Plan,
  q: GpuTensor,
  { keys, values }: GpuCache,
  out: GpuTensor,
  n: number,
  cached: number,
  scores: number,
  flag: GpuTensor,
  code: number,
): void {
  const { sizes, kvHeads, most, span, splits } = plan;
  const partials = scratchFor(queue, plan, cached, scores);
  const kernels = most === 4 ? narrow : wide;
  queue.dispatch(
    kernels[typeOf(keys)],
    [q, keys, values, out, partials, flag],
    [...sizes, cached, n, splits, span, scores, code],
    [1 / Math.sqrt(keys.shape[2])],
    [Math.ceil(sizes[0] / most), splits, kvHeads],
  );
}

function merge(queue: GpuQueue, plan: Plan, out: GpuTensor): void {
  const { sizes, kvHeads, splits, partials } = plan;
  queue.dispatch(
    mergeKernel,
    [queue.scratch(4 * partials), out],
    [...sizes, splits],
    [],
    [sizes[0], kvHeads],
  );
}

function mergeTally(
  queue: GpuQueue,
  plan: Plan,
  out: GpuTensor,
  n: number,
  cached: number,
  { sums, squares, heads }: GpuTally,
  before: number,
): void {
  const { sizes, kvHeads, splits, partials } = plan;
  const scratch = scratchFor(queue, plan, cached, partials);
  const held = before > 0 ? cached - n : 0;
  const rule = [heads === "mean" ? 1 : 0, squares ? 1 : 0];
  queue.dispatch(
    mergeTallyKernel,
    [scratch, out, sums, squares ?? queue.unused],
    [...sizes, splits, cached, n, partials, before, held, ...rule],
    [],
    [sizes[0] + Math.ceil(cached / SIZE), kvHeads],
  );
}
