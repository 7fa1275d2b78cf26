import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuSelection } from "../../gpu/tensor.ts";
import type {
  MergeRule,
  SelectionCounts,
  SelectionRule,
} from "../selection.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { quota } from "./quota.ts";
import { reduceMax, reduceSum } from "./reduce.ts";
import { topK } from "./top_k.ts";

/** Numbers of the rules; 0 is none. */
const rules: Record<MergeRule, number> = { max: 1, mean: 2, sum: 3 };

/** Local scores become global ones, in place. */
const globalScores = `
fn merged(old: f32, score: f32) -> f32 {
  if (params.rule == ${rules.max}u) { return max(old, score); }
  if (params.rule == ${rules.sum}u) { return old + score; }
  return old + (1.0 - params.decay) * score;
}

fn mergeHistory(h: u32, lane: u32) {
  // The smallest normal number: scores that are all zero stay zero.
  var highest = 0x1p-126f;
  for (var r = lane; r < params.older; r += ${LANES}u) {
    highest = max(highest, ${entry("scores")});
  }
  highest = reduceMax(highest, lane);
  for (var r = lane; r < params.older; r += ${LANES}u) {
    var score = ${entry("scores")} / highest;
    if (r < params.remembered) {
      score = merged(params.decay * ${entry("history")}, score);
    }
    ${entry("scores")} = score;
  }
  storageBarrier();
}`;

/** What tokens are selected by, of global scores and similarities. */
const finalScores = `
fn pooled(h: u32, r: u32) -> f32 {
  var highest = ${entry("scores")};
  let end = min(params.older, r + params.reach + 1u);
  for (var near = r - min(r, params.reach); near < end; near++) {
    highest = max(highest, ${entry("scores", "near")});
  }
  return highest;
}

// Similarities become numerators of their softmax; gives what to divide by.
fn exponentials(h: u32, lane: u32) -> f32 {
  var top = ${entry("similarities", "0u")};
  for (var r = lane; r < params.n; r += ${LANES}u) {
    top = max(top, ${entry("similarities")});
  }
  top = reduceMax(top, lane);
  var sum = 0.0;
  var highest = 0x1p-126f;
  for (var r = lane; r < params.n; r += ${LANES}u) {
    let value = exp(${entry("similarities")} - top);
    ${entry("similarities")} = value;
    sum += value;
    if (r < params.older) { highest = max(highest, value); }
  }
  sum = reduceSum(sum, lane);
  // Dividing a softmax by its maximum takes its denominator away.
  if (params.rule != 0u) { return reduceMax(highest, lane); }
  return sum;
}

fn weigh(h: u32, lane: u32, divisor: f32) {
  for (var r = lane; r < params.older; r += ${LANES}u) {
    var score = pooled(h, r);
    if (params.mixes == 1u) {
      let repeated = ${entry("similarities")} / divisor;
      score = params.mix * score - (1.0 - params.mix) * repeated;
    }
    if (r < params.protect) { score = params.highest; }
    ${entry("finalScores")} = score;
  }
  storageBarrier();
}`;

/** Scores and what becomes of them; the rest if a rule asks. */
const selectWords: GpuKernel["words"] = (
  [n, older, k, remembered, _protect, rule, _reach, mixes, _size, perBlock],
  [kvHeads],
) => {
  const merging = rule > 0 ? older + remembered + 2 * k : 0;
  const mixing = mixes > 0 ? 2 * n : 0;
  const sharing = perBlock > 0 ? 5 * older : 0;
  return kvHeads * (3 * older + k + merging + mixing + sharing);
};

/** Kernel of {@linkcode select}: a workgroup a head goes through all stages. */
export const selectKernel: GpuKernel = {
  name: "select",
  tensors: {
    scores: write(),
    similarities: write(),
    history: write(),
    finalScores: write(),
    kept: write("u32"),
    positions: read("u32"),
    order: read("u32"),
  },
  u32: [
    ...["n", "older", "k", "remembered", "protect"],
    ...["rule", "reach", "mixes", "blockSize", "perBlock"],
  ],
  f32: ["decay", "mix", "highest"],
  words: selectWords,
  code: (features) => `
${reduceMax(features, LANES)}
${reduceSum(features, LANES)}
${globalScores}
${finalScores}
${topK}
${quota}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  if (params.rule != 0u) { mergeHistory(h, lane); }
  var divisor = 1.0;
  if (params.mixes == 1u) { divisor = exponentials(h, lane); }
  weigh(h, lane, divisor);
  if (params.perBlock != 0u) { quota(h, lane); }
  if (params.k == 0u) { return; }
  topK(h, lane);
  if (params.rule == 0u) { return; }
  storageBarrier();
  for (var i = lane; i < params.k; i += ${LANES}u) {
    ${entry("history", "i")} = ${entry("scores", entry("kept", "i"))};
  }
}`,
};

/** See {@linkcode Kernels.select}; one dispatch. */
export function select(
  queue: GpuQueue,
  { history: past, pool = 1, redundancy, quota }: SelectionRule,
  tensors: GpuSelection,
  { n, window, k, remembered, protect, blockSize, perBlock }: SelectionCounts,
): void {
  const { scores, similarities, finalScores, kept, positions, order } = tensors;
  const history = tensors.history ?? queue.scratch(1);
  const rule = past ? rules[past.merge] : 0;
  const stages = [rule, (pool - 1) / 2, redundancy ? 1 : 0];
  const share = [blockSize, quota ? perBlock : 0];
  // WGSL cannot write infinity.
  const factors = [past?.decay ?? 0, redundancy?.mix ?? 1, Infinity];
  queue.dispatch(
    selectKernel,
    [scores, similarities, history, finalScores, kept, positions, order],
    [n, n - window, k, remembered, protect, ...stages, ...share],
    factors,
    [scores.shape[0]],
  );
}
