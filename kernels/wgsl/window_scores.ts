import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import type { HeadRule } from "../layer_cache.ts";
import type { CacheType } from "../tensors.ts";
import { cacheBinding, forTypes, typeOf, vectorWords } from "./cache_types.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { orderedKey, OWN_ROWS, products, TILE } from "./products.ts";

/** Most splits of the ranks: those of a row are merged one after the other. */
const MOST_SPLITS = 16;

/** Parameters of both kernels. */
const sizes = [
  "window",
  "group",
  "quads",
  "n",
  "ring",
  "oldest",
  "splits",
  "span",
];

/** Queries, keys in order, and what is kept of each row and split, of a head. */
function headWords(
  type: CacheType,
  [window, group, quads, n, _ring, _oldest, splits]: readonly number[],
): number {
  const rows = window * group;
  const keys = n * (vectorWords(type, quads) + 1);
  return rows * 4 * quads + keys + rows * splits * 2;
}

/**
 * WGSL of `queryQuad(start, quad) -> vec4<f32>`, of a query as keys of a type
 * are multiplied with it. For `int8` it is turned by Hadamard's matrix, whose
 * entry is negative where row and column have an odd number of bits in common.
 */
const queryQuad = (type: CacheType) =>
  type !== "int8"
    ? `
fn queryQuad(start: u32, quad: u32) -> vec4<f32> {
  return queries[start + quad];
}`
    : `
fn queryQuad(start: u32, quad: u32) -> vec4<f32> {
  // Largest power of two that divides the quads.
  let block = params.quads & (~params.quads + 1u);
  var sum = vec4<f32>();
  for (var i = 0u; i < block; i++) {
    let q = queries[start + quad / block * block + i];
    sum += select(q, -q, (countOneBits(i & quad) & 1u) == 1u);
  }
  let pairs = vec4<f32>(
    sum.x + sum.y, sum.x - sum.y, sum.z + sum.w, sum.z - sum.w,
  );
  return vec4<f32>(pairs.xy + pairs.zw, pairs.xy - pairs.zw) /
    sqrt(f32(4u * block));
}`;

/** Row `r` is head `r % group` of query `r / group`, counted from the oldest. */
const rows = (type: CacheType) => `
${orderedKey(type)}
${queryQuad(type)}

fn rowQuad(row: u32, h: u32, quad: u32) -> vec4<f32> {
  let last = min(row, params.window * params.group - 1u);
  let query = (params.oldest + last / params.group) % params.ring;
  let head = h * params.group + last % params.group;
  let start = params.queries_offset / 4u +
    query * (params.queries_stride / 4u) + head * params.quads;
  return queryQuad(start, quad);
}

fn columnQuad(rank: u32, h: u32, quad: u32) -> vec4<f32> {
  return orderedKey(rank, h, quad);
}

fn statAt(h: u32, row: u32, split: u32) -> u32 {
  return ((h * params.window * params.group + row) * params.splits + split) * 2u;
}
`;

/** What `combined` makes of all columns of a row, in each of its invocations. */
const overColumns = (name: string, combined: string) => `
fn ${name}(own: vec4<f32>, lane: u32) -> vec4<f32> {
  workgroupBarrier();
  across[lane] = own;
  for (var half = ${TILE / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane % ${TILE}u < half) { across[lane] = ${combined}; }
  }
  workgroupBarrier();
  return across[lane / ${TILE}u * ${TILE}u];
}`;

/**
 * Largest score of each row in a split of the ranks, and the sum of `exp`
 * relative to it. An invocation follows its own column, from tile to tile.
 */
const stats = forTypes((type) => ({
  name: "windowScores statistics",
  tensors: {
    queries: read("vec4<f32>"),
    keys: cacheBinding(type),
    order: read("u32"),
    stats: write(),
  },
  u32: sizes,
  f32: ["scale"],
  words: (whole, [_blocks, _splits, kvHeads]) =>
    kvHeads * headWords(type, whole),
  code: () => `
${products}
${rows(type)}

const LOWEST = -0x1.fffffep+127f;

var<workgroup> across: array<vec4<f32>, ${LANES}>;

// Ranks that a row sees.
fn visible(row: u32) -> u32 {
  return params.n - params.window + row / params.group + 1u;
}

${overColumns("highest", "max(across[lane], across[lane + half])")}
${overColumns("total", "across[lane] + across[lane + half]")}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.z;
  let first = group.x * ${TILE}u;
  let row = first + lane / ${TILE}u * ${OWN_ROWS}u;
  let start = group.y * params.span;
  let end = min(start + params.span, params.n);
  let seen = min(vec4<u32>(end), vec4<u32>(
    visible(row), visible(row + 1u), visible(row + 2u), visible(row + 3u),
  ));
  var top = vec4<f32>(LOWEST);
  var sum = vec4<f32>();
  for (var tile = start; tile < end; tile += ${TILE}u) {
    let score = params.scale * products(first, tile, h, params.quads, lane);
    let see = vec4<u32>(tile + lane % ${TILE}u) < seen;
    let higher = select(top, max(top, score), see);
    sum = sum * exp(top - higher) +
      select(vec4<f32>(), exp(score - higher), see);
    top = higher;
  }
  let most = highest(top, lane);
  let sums = total(sum * exp(top - most), lane);
  if (lane % ${TILE}u != 0u) { return; }
  let count = params.window * params.group;
  for (var i = 0u; i < ${OWN_ROWS}u && row + i < count; i++) {
    stats[statAt(h, row + i, group.y)] = most[i];
    stats[statAt(h, row + i, group.y) + 1u] = sums[i];
  }
}`,
}));

/**
 * Scores of a tile of ranks: attention of all rows, of which one invocation a
 * rank takes the maximum or mean over heads, and mean and deviation over queries (by
 * Welford, as the deviation may be far below the mean).
 */
const combine = forTypes((type) => ({
  name: "windowScores",
  tensors: {
    queries: read("vec4<f32>"),
    keys: cacheBinding(type),
    order: read("u32"),
    stats: read(),
    scores: write(),
  },
  u32: [...sizes, "averages"],
  f32: ["scale", "shift"],
  words: (whole, [_tiles, kvHeads]) => {
    const [window, _group, quads, n] = whole;
    // The window's own keys are not scored, the others are.
    const ranks = n - window - window * (vectorWords(type, quads) + 1);
    return kvHeads * (headWords(type, whole) + ranks);
  },
  code: () => `
${products}
${rows(type)}

var<workgroup> attention: array<array<f32, ${TILE}>, ${TILE}>;
var<workgroup> rowTop: array<f32, ${TILE}>;
var<workgroup> rowSum: array<f32, ${TILE}>;

// Largest score and sum of a row over all splits.
fn mergeStats(h: u32, row: u32, i: u32) {
  var top = stats[statAt(h, row, 0u)];
  for (var split = 1u; split < params.splits; split++) {
    top = max(top, stats[statAt(h, row, split)]);
  }
  var sum = 0.0;
  for (var split = 0u; split < params.splits; split++) {
    let at = statAt(h, row, split);
    sum += stats[at + 1u] * exp(stats[at] - top);
  }
  rowTop[i] = top;
  rowSum[i] = sum;
}

struct Moments { count: f32, mean: f32, squares: f32 }

fn include(moments: Moments, value: f32) -> Moments {
  let count = moments.count + 1.0;
  let away = value - moments.mean;
  let mean = moments.mean + away / count;
  return Moments(count, mean, moments.squares + away * (value - mean));
}

fn attend(h: u32, first: u32, tile: u32, count: u32, lane: u32) {
  let score = params.scale * products(first, tile, h, params.quads, lane);
  if (lane < ${TILE}u && first + lane < count) {
    mergeStats(h, first + lane, lane);
  }
  workgroupBarrier();
  let row = lane / ${TILE}u * ${OWN_ROWS}u;
  for (var i = 0u; i < ${OWN_ROWS}u; i++) {
    attention[row + i][lane % ${TILE}u] =
      exp(score[i] - rowTop[row + i]) / rowSum[row + i];
  }
  workgroupBarrier();
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let tile = group.x * ${TILE}u;
  let count = params.window * params.group;
  let heads = select(1.0, f32(params.group), params.averages == 1u);
  var moments = Moments();
  var best = 0.0;
  for (var first = 0u; first < count; first += ${TILE}u) {
    attend(h, first, tile, count, lane);
    for (var row = first; row < min(first + ${TILE}u, count); row++) {
      let own = attention[row - first][lane % ${TILE}u];
      best = select(max(best, own), best + own, params.averages == 1u);
      if (row % params.group == params.group - 1u) {
        moments = include(moments, best / heads);
        best = 0.0;
      }
    }
  }
  let rank = tile + lane;
  if (lane >= ${TILE}u || rank >= params.n - params.window) { return; }
  let variance = moments.squares / max(1.0, moments.count - 1.0);
  ${entry("scores", "rank")} = moments.mean + params.shift * sqrt(variance);
}`,
}));

/** The kernels of {@linkcode windowScores}. */
export const windowScoresKernels: readonly GpuKernel[] = [stats, combine]
  .flatMap((kernels) => Object.values(kernels));

/**
 * See {@linkcode Kernels.windowScores}; two dispatches. The scores are computed
 * in both, as there may be more of them than there is memory.
 */
export function windowScores(
  queue: GpuQueue,
  queries: GpuTensor,
  oldest: number,
  window: number,
  { keys }: GpuCache,
  order: GpuTensor,
  scores: GpuTensor,
  n: number,
  shift: number,
  heads: HeadRule,
): void {
  const [kvHeads, _, headDim] = keys.shape;
  const [ring, queryHeads] = queries.shape;
  const [group, quads] = [queryHeads / kvHeads, headDim / 4];
  const rows = window * group;
  const tiles = Math.ceil(n / TILE);
  const span = Math.ceil(tiles / Math.min(tiles, MOST_SPLITS)) * TILE;
  const splits = Math.ceil(n / span);
  const partial = queue.scratch(kvHeads * rows * splits * 2);
  const whole = [window, group, quads, n, ring, oldest, splits, span];
  const scale = 1 / Math.sqrt(headDim);
  const inputs = [queries, keys, order, partial];
  const [type, blocks] = [typeOf(keys), Math.ceil(rows / TILE)];
  const groups = [blocks, splits, kvHeads] as const;
  queue.dispatch(stats[type], inputs, whole, [scale], groups);
  const older = Math.ceil((n - window) / TILE);
  if (older === 0) return;
  queue.dispatch(
    combine[type],
    [...inputs, scores],
    [...whole, heads === "mean" ? 1 : 0],
    [scale, shift],
    [older, kvHeads],
  );
}
