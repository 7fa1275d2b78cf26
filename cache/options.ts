import type { Budget } from "./budget.ts";
import type { CacheType } from "../kernels/tensors.ts";
import type { CacheShape } from "./layer.ts";
import type { Policy } from "./policy.ts";

/** What a {@linkcode KVCache} is made for. */
export interface KVCacheOptions extends CacheShape {
  /** How much it may hold. */
  budget: Budget;
  /** Eviction method; `gkv()` by default. */
  policy?: Policy;
  /**
   * How keys and values are stored; `"int8"` by default: over 4,096 tokens of
   * prose a full cache of SmolLM2 lost 1.8e-4 nats by it (mean KL divergence),
   * where a budget of 128 tokens loses 0.12.
   */
  dtype?: CacheType;
  /** Never evict the first prompt's tokens, up to `protectShare`. */
  protectPrompt?: boolean;
  /** Largest share of the budget that a protected prompt takes; 0.5. */
  protectShare?: number;
  /** Tokens of a whole text, which a budget `{ ratio }` is a share of. */
  contextLength?: number;
  /**
   * Slots per head to allocate, if more than the budget's. A prompt is scored
   * as a whole when it fits and chunk by chunk when it does not.
   */
  slots?: number;
  /** Record what every eviction keeps; costs memory outside the budget. */
  record?: boolean;
  /**
   * What the text has at a position that was seen, for policies that ask: the
   * separators' and those that evict at newlines.
   */
  boundaryAt?: (position: number) => Boundary | undefined;
  /**
   * Turn keys at every eviction so that rotary positions stay within the
   * cache's length (arXiv 2309.17453): the next token's is
   * {@linkcode KVCache.position}.
   */
  reposition?: RotaryEmbedding | undefined;
}

/** A token that ends something: a newline ends more than another separator. */
export type Boundary = "separator" | "newline";

/** The rotary embedding that keys were given (arXiv 2104.09864). */
export interface RotaryEmbedding {
  /** Radians per position of each channel pair, `headDim / 2`. */
  readonly frequencies: ArrayLike<number>;
  /** Pair `i` is channels `2i, 2i + 1`, or `i, i + headDim / 2`. */
  readonly pairing: "adjacent" | "halves";
}

/**
 * Where queries stand: in a prompt that goes on, at a prompt's end (evicts if
 * over budget), or in generation (evicts every `interval` tokens).
 */
export type Phase = "prompt" | "promptEnd" | "decode";

/** Use of a cache. */
export interface CacheStats {
  /** Tokens appended so far. */
  seen: number;
  /** Tokens held per layer and head. */
  cached: number;
  /** Tokens that an eviction leaves. */
  budgetTokens: number;
  /** Bytes of the slots in use: keys, values, positions and scores. */
  bytes: number;
  /** Bytes of all slots: the most that `bytes` can become. */
  budgetBytes: number;
  /**
   * Bytes of intermediate results, of the queries that score, and of the angles
   * that {@linkcode KVCacheOptions.reposition} needs.
   */
  scratchBytes: number;
  /** Evictions so far; one of all layers and heads counts once. */
  evictions: number;
}
