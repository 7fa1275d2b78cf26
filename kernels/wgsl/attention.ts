import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { attentionSplitKernel, TILE } from "./attention_split.ts";

/** Workgroups that fill a GPU. */
const ENOUGH = 256;
/** Most splits: those of a row are merged one after the other. */
const MOST_SPLITS = 64;
/** Invocations that merge a row: the most quads that a head has. */
const SIZE = 64;

/** For a token of a small group. */
const narrow = attentionSplitKernel(4);
/** For larger groups and for several tokens. */
const wide = attentionSplitKernel(8);

/** A workgroup merges the splits of one row. */
const merge: GpuKernel = {
  name: "attention merge",
  tensors: { partials: read("vec4<f32>"), out: write("vec4<f32>") },
  u32: ["rows", "group", "quads", "splits"],
  words: ([rows, _group, quads, splits], [_rows, kvHeads]) =>
    4 * kvHeads * rows * (splits * (quads + 1) + quads),
  code: () => `
@compute @workgroup_size(${SIZE})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let row = group.x;
  let width = params.quads + 1u;
  let first = (h * params.rows + row) * params.splits * width;
  if (lane >= params.quads) { return; }
  var top = partials[first + params.quads].x;
  for (var split = 1u; split < params.splits; split++) {
    top = max(top, partials[first + split * width + params.quads].x);
  }
  var weight = 0.0;
  var sum = vec4<f32>();
  for (var split = 0u; split < params.splits; split++) {
    let at = first + split * width;
    let share = exp(partials[at + params.quads].x - top);
    weight += share * partials[at + params.quads].y;
    sum += share * partials[at + lane];
  }
  let head = h * params.group + row % params.group;
  let query = row / params.group * (params.out_stride / 4u);
  out[params.out_offset / 4u + query + head * params.quads + lane] =
    sum / weight;
}`,
};

/** The kernels of {@linkcode attention}. */
export const attentionKernels: readonly GpuKernel[] = [narrow, wide, merge];

/**
 * See {@linkcode Kernels.attention}; one dispatch, or two where the slots are
 * split over workgroups because there are too few rows to fill a GPU.
 *
 * @param code Raises `flag` for q.
 */
export function attention(
  queue: GpuQueue,
  q: GpuTensor,
  { keys, values }: GpuCache,
  out: GpuTensor,
  n: number,
  cached: number,
  flag: GpuTensor,
  code: number,
): void {
  const [kvHeads, _, headDim] = keys.shape;
  const [group, quads] = [q.shape[1] / kvHeads, headDim / 4];
  const rows = n * group;
  const [kernel, most] = rows <= 4 ? [narrow, 4] : [wide, 8];
  const blocks = Math.ceil(rows / most);
  const span = spanOf(cached, blocks * kvHeads);
  const splits = Math.ceil(cached / span);
  const words = splits > 1 ? kvHeads * rows * splits * (headDim + 4) : 1;
  const partials = queue.scratch(words);
  queue.dispatch(
    kernel,
    [q, keys, values, out, partials, flag],
    [rows, group, quads, cached, n, splits, span, code],
    [1 / Math.sqrt(headDim)],
    [blocks, splits, kvHeads],
  );
  if (splits === 1) return;
  const sizes = [rows, group, quads, splits];
  queue.dispatch(merge, [partials, out], sizes, [], [rows, kvHeads]);
}

/** Slots of a split, given the workgroups that there are without splits. */
function spanOf(cached: number, workgroups: number): number {
  const tiles = Math.ceil(cached / TILE);
  const wanted = Math.ceil(ENOUGH / workgroups);
  const splits = Math.min(tiles, wanted, MOST_SPLITS);
  return Math.ceil(tiles / splits) * TILE;
}
