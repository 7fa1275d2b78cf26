import type { HeadRule } from "../kernels/layer_cache.ts";
import type {
  MergeRule,
  SelectionCounts,
  SelectionRule,
} from "../kernels/selection.ts";
import {
  compactScratch,
  keydiffScratch,
  orderScratch,
  quotaScratch,
  redundancyScratch,
  repositionScratch,
  topKScratch,
  windowScoresScratch,
} from "./scratch.ts";
import { WasmStorage } from "./storage.ts";
import type { WasmCache, WasmSelection, WasmTensor } from "./tensor.ts";

const mergeRules: Record<MergeRule, number> = { max: 0, mean: 1, sum: 2 };

/** The kernels of eviction: from tensors to addresses, head by head. */
export class WasmEvictionKernels extends WasmStorage {
  /** See {@linkcode Kernels.order}. */
  order({ positions }: WasmCache, order: WasmTensor, n: number): void {
    const scratch = this.reserve(orderScratch(n));
    for (let h = 0; h < positions.shape[0]; h++) {
      this.kernels.order(positions.at(h), n, order.at(h), scratch);
    }
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
    heads: HeadRule,
  ): void {
    const [ring, queryHeads] = queries.shape;
    const [kvHeads, _, headDim] = keys.shape;
    const group = queryHeads / kvHeads;
    const bytes = windowScoresScratch(window, group, headDim, n);
    const scratch = this.reserve(bytes);
    for (let h = 0; h < kvHeads; h++) {
      this.kernels.windowScores(
        queries.pointer + h * group * headDim * queries.size,
        queries.step,
        ring,
        oldest,
        window,
        group,
        headDim,
        keys.size,
        keys.at(h),
        keys.scaleAt(h),
        order.at(h),
        n,
        shift,
        heads === "mean" ? 1 : 0,
        scores.at(h),
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.tallyScores}. */
  tallyScores(
    sums: WasmTensor,
    squares: WasmTensor | undefined,
    order: WasmTensor,
    scores: WasmTensor,
    n: number,
    count: number,
    shift: number,
  ): void {
    for (let h = 0; h < sums.shape[0]; h++) {
      this.kernels.tallyScores(
        sums.at(h),
        squares?.at(h) ?? 0,
        order.at(h),
        scores.at(h),
        n,
        count,
        shift,
      );
    }
  }

  /** See {@linkcode Kernels.recency}. */
  recency(scores: WasmTensor, n: number): void {
    for (let h = 0; h < scores.shape[0]; h++) {
      this.kernels.recency(scores.at(h), n);
    }
  }

  /** See {@linkcode Kernels.random}. */
  random(scores: WasmTensor, n: number, seed: number): void {
    for (let h = 0; h < scores.shape[0]; h++) {
      this.kernels.random(scores.at(h), n, seed + h);
    }
  }

  /** See {@linkcode Kernels.keydiff}. */
  keydiff(
    { keys }: WasmCache,
    order: WasmTensor,
    out: WasmTensor,
    n: number,
    factor: number,
  ): void {
    const [kvHeads, _, headDim] = keys.shape;
    const scratch = this.reserve(keydiffScratch(headDim, n));
    for (let h = 0; h < kvHeads; h++) {
      this.kernels.keydiff(
        keys.size,
        keys.at(h),
        keys.scaleAt(h),
        headDim,
        order.at(h),
        n,
        factor,
        out.at(h),
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.redundancy}. */
  redundancy(
    { keys }: WasmCache,
    order: WasmTensor,
    similarities: WasmTensor,
    n: number,
  ): void {
    const [kvHeads, _, headDim] = keys.shape;
    const scratch = this.reserve(redundancyScratch(headDim, n));
    for (let h = 0; h < kvHeads; h++) {
      this.kernels.redundancy(
        keys.size,
        keys.at(h),
        keys.scaleAt(h),
        headDim,
        order.at(h),
        n,
        similarities.at(h),
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.select}. */
  select(
    rule: SelectionRule,
    tensors: WasmSelection,
    counts: SelectionCounts,
  ): void {
    const { scores, finalScores, history, kept } = tensors;
    const { n, window, k, protect } = counts;
    const older = n - window;
    const { kernels } = this;
    for (let h = 0; h < scores.shape[0]; h++) {
      const last = finalScores.at(h);
      if (rule.history) this.#mergeHistory(rule.history, tensors, counts, h);
      kernels.pool(scores.at(h), last, older, rule.pool ?? 1);
      if (rule.redundancy) this.#mixRedundancy(rule, tensors, counts, h);
      kernels.protect(last, protect);
      if (rule.quota) this.#fillQuota(tensors, counts, h);
      kernels.topK(
        last,
        older,
        k,
        kept.at(h),
        this.reserve(topKScratch(older)),
      );
      if (!rule.history) continue;
      kernels.gather(scores.at(h), kept.at(h), history!.at(h), k);
    }
  }

  /** See {@linkcode Kernels.compact}. */
  compact(
    { keys, values, positions, sums }: WasmCache,
    order: WasmTensor,
    kept: WasmTensor,
    n: number,
    k: number,
    window: number,
  ): void {
    const [kvHeads, _, headDim] = keys.shape;
    const scratch = this.reserve(compactScratch(n));
    for (let h = 0; h < kvHeads; h++) {
      this.kernels.compact(
        keys.at(h),
        keys.scaleAt(h),
        values.at(h),
        values.scaleAt(h),
        headDim * keys.size,
        positions.at(h),
        sums?.at(h) ?? 0,
        order.at(h),
        kept.at(h),
        n,
        k,
        window,
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.reposition}. */
  reposition(
    { keys }: WasmCache,
    order: WasmTensor,
    kept: WasmTensor,
    n: number,
    k: number,
    window: number,
    frequencies: WasmTensor,
    pairing: "adjacent" | "halves",
  ): void {
    const [kvHeads, _, headDim] = keys.shape;
    const scratch = this.reserve(repositionScratch(headDim));
    for (let h = 0; h < kvHeads; h++) {
      this.kernels.reposition(
        keys.size,
        keys.at(h),
        keys.scaleAt(h),
        headDim,
        order.at(h),
        kept.at(h),
        n,
        k,
        window,
        frequencies.pointer,
        pairing === "halves" ? 1 : 0,
        scratch,
      );
    }
  }

  #mergeHistory(
    { merge, decay }: NonNullable<SelectionRule["history"]>,
    { scores, history }: WasmSelection,
    { n, window, remembered }: SelectionCounts,
    h: number,
  ): void {
    const [own, past] = [scores.at(h), history!.at(h)];
    const { normalise, mergeHistory } = this.kernels;
    normalise(own, n - window);
    mergeHistory(own, past, remembered, mergeRules[merge], decay);
  }

  #mixRedundancy(
    { history, redundancy }: SelectionRule,
    { similarities, finalScores }: WasmSelection,
    { n, window }: SelectionCounts,
    h: number,
  ): void {
    const own = similarities.at(h);
    const { softmax, normalise, mixScores } = this.kernels;
    softmax(own, similarities.step, 1, n, 1);
    if (history) normalise(own, n - window);
    mixScores(finalScores.at(h), own, n - window, redundancy!.mix);
  }

  #fillQuota(
    { finalScores, positions, order }: WasmSelection,
    { n, window, protect, blockSize, perBlock }: SelectionCounts,
    h: number,
  ): void {
    this.kernels.quota(
      finalScores.at(h),
      positions.at(h),
      order.at(h),
      n - window,
      protect,
      blockSize,
      perBlock,
      this.reserve(quotaScratch(n - window)),
    );
  }
}
