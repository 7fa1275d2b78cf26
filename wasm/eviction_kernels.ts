import type { MergeRule } from "../kernels/ops.ts";
import {
  compactScratch,
  orderScratch,
  redundancyScratch,
  topKScratch,
  windowScoresScratch,
} from "./scratch.ts";
import { WasmStorage } from "./storage.ts";
import type { WasmCache, WasmTensor } from "./tensor.ts";

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
    { keys }: WasmCache,
    order: WasmTensor,
    scores: WasmTensor,
    n: number,
    shift: number,
  ): void {
    const [window, queryHeads] = queries.shape;
    const [kvHeads, slots, headDim] = keys.shape;
    const bytes = windowScoresScratch(window, queryHeads, kvHeads, headDim, n);
    this.kernels.windowScores(
      queries.pointer,
      queries.step,
      window,
      oldest,
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

  /** See {@linkcode Kernels.normalise}. */
  normalise(scores: WasmTensor, n: number): void {
    const [kvHeads, slots] = scores.shape;
    this.kernels.normalise(scores.pointer, slots, kvHeads, n);
  }

  /** See {@linkcode Kernels.mergeHistory}. */
  mergeHistory(
    scores: WasmTensor,
    history: WasmTensor,
    remembered: number,
    rule: MergeRule,
    decay: number,
  ): void {
    const [kvHeads, slots] = scores.shape;
    const [now, past, code] = [
      scores.pointer,
      history.pointer,
      mergeRules[rule],
    ];
    const { mergeHistory } = this.kernels;
    mergeHistory(now, past, slots, kvHeads, remembered, code, decay);
  }

  /** See {@linkcode Kernels.pool}. */
  pool(scores: WasmTensor, out: WasmTensor, n: number, width: number): void {
    const [kvHeads, slots] = scores.shape;
    this.kernels.pool(scores.pointer, out.pointer, slots, kvHeads, n, width);
  }

  /** See {@linkcode Kernels.redundancy}. */
  redundancy(
    { keys }: WasmCache,
    order: WasmTensor,
    out: WasmTensor,
    n: number,
    window: number,
  ): void {
    const [kvHeads, slots, headDim] = keys.shape;
    this.kernels.redundancy(
      keys.pointer,
      slots,
      kvHeads,
      headDim,
      order.pointer,
      n,
      window,
      out.pointer,
      this.reserve(redundancyScratch(headDim, n)),
    );
  }

  /** See {@linkcode Kernels.mixScores}. */
  mixScores(
    scores: WasmTensor,
    redundancy: WasmTensor,
    n: number,
    mix: number,
  ): void {
    const [kvHeads, slots] = scores.shape;
    const [to, from] = [scores.pointer, redundancy.pointer];
    this.kernels.mixScores(to, from, slots, kvHeads, n, mix);
  }

  /** See {@linkcode Kernels.protect}. */
  protect(scores: WasmTensor, n: number): void {
    const [kvHeads, slots] = scores.shape;
    this.kernels.protect(scores.pointer, slots, kvHeads, n);
  }

  /** See {@linkcode Kernels.topK}. */
  topK(scores: WasmTensor, kept: WasmTensor, n: number, k: number): void {
    const [kvHeads, slots] = scores.shape;
    const scratch = this.reserve(topKScratch(n));
    const [from, to] = [scores.pointer, kept.pointer];
    this.kernels.topK(from, slots, kvHeads, n, k, to, scratch);
  }

  /** See {@linkcode Kernels.gather}. */
  gather(
    scores: WasmTensor,
    kept: WasmTensor,
    out: WasmTensor,
    k: number,
  ): void {
    const [kvHeads, slots] = scores.shape;
    const { gather } = this.kernels;
    gather(scores.pointer, kept.pointer, out.pointer, slots, kvHeads, k);
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
}
