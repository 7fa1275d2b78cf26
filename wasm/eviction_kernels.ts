import type {
  MergeRule,
  SelectionCounts,
  SelectionRule,
} from "../kernels/ops.ts";
import {
  compactScratch,
  orderScratch,
  redundancyScratch,
  topKScratch,
  windowScoresScratch,
} from "./scratch.ts";
import { WasmStorage } from "./storage.ts";
import type { WasmCache, WasmSelection, WasmTensor } from "./tensor.ts";

const mergeRules: Record<MergeRule, number> = { max: 0, mean: 1, sum: 2 };

/** The kernels of eviction: from tensors to addresses. */
export class WasmEvictionKernels extends WasmStorage {
  /** See {@linkcode Kernels.order}. */
  order({ positions }: WasmCache, order: WasmTensor, n: number): void {
    const [kvHeads, slots] = positions.shape;
    const scratch = this.reserve(orderScratch(n));
    const [from, to] = [positions.pointer, order.pointer];
    this.kernels.order(from, slots, kvHeads, n, to, scratch);
  }

  /** See {@linkcode Kernels.windowScores}. */
  windowScores(
    queries: WasmTensor,
    oldest: number,
    window: number,
    { keys }: WasmCache,
    order: WasmTensor,
    scores: WasmTensor,
    n: number,
    shift: number,
  ): void {
    const [ring, queryHeads] = queries.shape;
    const [kvHeads, slots, headDim] = keys.shape;
    const bytes = windowScoresScratch(window, queryHeads, kvHeads, headDim, n);
    this.kernels.windowScores(
      queries.pointer,
      queries.step,
      ring,
      oldest,
      window,
      queryHeads,
      kvHeads,
      headDim,
      keys.pointer,
      slots,
      order.pointer,
      n,
      shift,
      scores.pointer,
      this.reserve(bytes),
    );
  }

  /** See {@linkcode Kernels.recency}. */
  recency(scores: WasmTensor, n: number): void {
    const [kvHeads, slots] = scores.shape;
    this.kernels.recency(scores.pointer, slots, kvHeads, n);
  }

  /** See {@linkcode Kernels.redundancy}. */
  redundancy(
    { keys }: WasmCache,
    order: WasmTensor,
    similarities: WasmTensor,
    n: number,
  ): void {
    const [kvHeads, slots, headDim] = keys.shape;
    this.kernels.redundancy(
      keys.pointer,
      slots,
      kvHeads,
      headDim,
      order.pointer,
      n,
      similarities.pointer,
      this.reserve(redundancyScratch(headDim, n)),
    );
  }

  /** See {@linkcode Kernels.select}. */
  select(
    rule: SelectionRule,
    tensors: WasmSelection,
    counts: SelectionCounts,
  ): void {
    const { scores, finalScores, history, kept } = tensors;
    const { n, window, k, protect } = counts;
    const [kvHeads, slots] = scores.shape;
    const [older, last] = [n - window, finalScores.pointer];
    const { kernels } = this;
    if (rule.history) this.#mergeHistory(rule.history, tensors, counts);
    const width = rule.pool ?? 1;
    kernels.pool(scores.pointer, last, slots, kvHeads, older, width);
    if (rule.redundancy) this.#mixRedundancy(rule, tensors, n, older);
    kernels.protect(last, slots, kvHeads, protect);
    const scratch = this.reserve(topKScratch(older));
    kernels.topK(last, slots, kvHeads, older, k, kept.pointer, scratch);
    if (!rule.history) return;
    const [from, to] = [scores.pointer, history!.pointer];
    kernels.gather(from, kept.pointer, to, slots, kvHeads, k);
  }

  /** See {@linkcode Kernels.compact}. */
  compact(
    { keys, values, positions }: WasmCache,
    order: WasmTensor,
    kept: WasmTensor,
    n: number,
    k: number,
    window: number,
  ): void {
    const [kvHeads, slots, headDim] = keys.shape;
    this.kernels.compact(
      keys.pointer,
      values.pointer,
      positions.pointer,
      slots,
      kvHeads,
      headDim,
      order.pointer,
      kept.pointer,
      n,
      k,
      window,
      this.reserve(compactScratch(n)),
    );
  }
  #mergeHistory(
    { merge, decay }: NonNullable<SelectionRule["history"]>,
    { scores: { pointer, shape }, history }: WasmSelection,
    { n, window, remembered }: SelectionCounts,
  ): void {
    const [kvHeads, slots] = shape;
    const [past, code] = [history!.pointer, mergeRules[merge]];
    const { normalise, mergeHistory } = this.kernels;
    normalise(pointer, slots, kvHeads, n - window);
    mergeHistory(pointer, past, slots, kvHeads, remembered, code, decay);
  }

  #mixRedundancy(
    { history, redundancy }: SelectionRule,
    { similarities: { pointer, step }, finalScores }: WasmSelection,
    n: number,
    older: number,
  ): void {
    const [kvHeads, slots] = finalScores.shape;
    const { softmax, normalise, mixScores } = this.kernels;
    softmax(pointer, step, kvHeads, n, 1);
    if (history) normalise(pointer, slots, kvHeads, older);
    const { mix } = redundancy!;
    mixScores(finalScores.pointer, pointer, slots, kvHeads, older, mix);
  }
}
