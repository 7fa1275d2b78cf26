import type { Tensor } from "./tensors.ts";

/** How an earlier score and the current one become one (arXiv 2512.00504). */
export type MergeRule = "max" | "mean" | "sum";

/**
 * How tokens are selected by their scores: stages of {@linkcode Kernels.select}.
 * One whose parameter is absent is left out.
 */
export interface SelectionRule {
  /** How scores of earlier evictions live on in the global score. */
  readonly history?: {
    readonly merge: MergeRule;
    /** Share of a score that is left at the next eviction, 0 to 1. */
    readonly decay: number;
  };
  /** Width of the max-pooling over neighbouring tokens, odd. */
  readonly pool?: number;
  /** Weighs the score against how much a key repeats others. */
  readonly redundancy?: {
    /** Share of the score; the rest is that of redundancy, 0 to 1. */
    readonly mix: number;
    /**
     * What measures it: `"cosine"` of all pairs ({@linkcode Kernels.redundancy},
     * the default), or `"keydiff"`, the cosine with the mean key, which is
     * linear in the number of tokens.
     */
    readonly by?: "cosine" | "keydiff";
  };
  /**
   * Slots for the best of each block of positions, whatever the others have
   * (arXiv 2605.23200): all positions so far fall into so many `blocks` of
   * equal size, which share that `share` of what is selected.
   */
  readonly quota?: { readonly blocks: number; readonly share: number };
}

/** What {@linkcode Kernels.select} works on, `[kvHeads, slots]` by rank. */
export interface SelectionTensors {
  /** Local scores; they become the global ones. */
  readonly scores: Tensor;
  /** Mean similarities of the keys, if the rule has a redundancy; used up. */
  readonly similarities: Tensor;
  /** Scores of the last eviction, and then of this one, if the rule has one. */
  readonly history: Tensor | undefined;
  /** `i32`, by slot; for a quota, which uses up `similarities`. */
  readonly positions: Tensor;
  /** Slots by rank, `i32`; for a quota. */
  readonly order: Tensor;
  /** Result: what tokens were selected by. */
  readonly finalScores: Tensor;
  /** Result: the ranks that are kept, ascending; `i32`. */
  readonly kept: Tensor;
}

/** Numbers of tokens of each head in {@linkcode Kernels.select}. */
export interface SelectionCounts {
  /** All. */
  readonly n: number;
  /** The newest, which are not selected from. */
  readonly window: number;
  /** Those to keep of the others. */
  readonly k: number;
  /** The oldest, which have a score in the history. */
  readonly remembered: number;
  /** The oldest, which are kept in any case; at most `k`. */
  readonly protect: number;
  /** Positions of a block of the quota; 0 without one. */
  readonly blockSize: number;
  /** The best of each block that are kept, not counting the protected. */
  readonly perBlock: number;
}
