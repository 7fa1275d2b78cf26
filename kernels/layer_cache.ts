import type { Tensor } from "./tensors.ts";

/**
 * What one layer caches of every token: slot `s` of KV head `h` holds a key,
 * a value and the position at which the token was first seen. Slots are in no
 * order; those in use are the first ones.
 */
export interface LayerCache {
  /** `[kvHeads, slots, headDim]`, of a {@linkcode CacheType}, rotary embedding applied. */
  readonly keys: Tensor;
  /** The same shape and type. */
  readonly values: Tensor;
  /** `i32 [kvHeads, slots]`. */
  readonly positions: Tensor;
  /**
   * `f32 [kvHeads, slots]`: what else is known of a token and moves with it,
   * if anything: the attention it got, see {@linkcode Tally}, or a mark.
   */
  readonly sums: Tensor | undefined;
}

/** How the scores of the query heads that share a KV head become one. */
export type HeadRule = "max" | "mean";

/** Where {@linkcode Kernels.attention} adds up the attention that tokens get. */
export interface Tally {
  /** Sums over queries, `[kvHeads, slots]` by slot. */
  readonly sums: Tensor;
  /** Squared deviations from the mean, of the same shape, if they are needed. */
  readonly squares: Tensor | undefined;
  /** What a query adds of its heads. */
  readonly heads: HeadRule;
}
