import type { Backend } from "../kernels/backend.ts";
import type { LayerCache } from "../kernels/layer_cache.ts";
import type { Tensor } from "../kernels/tensors.ts";

/**
 * A score of one's own: one number for each token before the window, the best
 * are kept; `[heads, tokens]`, each head's tokens from the oldest on.
 */
export type Scorer = (context: ScoreContext) => Float32Array;

/** What a {@linkcode ScoreContext} is about. */
export interface Scored {
  /** Layer. */
  readonly layer: number;
  /** First KV head of those that are scored together. */
  readonly firstHead: number;
  /** KV heads. */
  readonly heads: number;
  /** Tokens of each head to be scored. */
  readonly tokens: number;
  /** Tokens seen so far. */
  readonly seen: number;
}

/** Ops that a {@linkcode ScoreContext} gives the results of. */
export interface ScoreSource {
  /** Where they are. */
  readonly backend: Backend;
  /** What is scored. */
  readonly cache: LayerCache;
  /** Slots by rank. */
  readonly order: Tensor;
  /** Enqueues attention scores of the window. */
  attention(): Tensor;
  /** Enqueues cosines with the mean key. */
  similarity(): Tensor;
}

/**
 * What a {@linkcode Scorer} can go by. Arrays are made when they are asked
 * for, `[heads, tokens]` by rank, the oldest token first.
 */
export class ScoreContext implements Scored {
  readonly layer: number;
  readonly firstHead: number;
  readonly heads: number;
  readonly tokens: number;
  readonly seen: number;
  readonly #source: ScoreSource;

  /** Made by the eviction that asks for the score. */
  constructor(scored: Scored, source: ScoreSource) {
    this.layer = scored.layer;
    this.firstHead = scored.firstHead;
    this.heads = scored.heads;
    this.tokens = scored.tokens;
    this.seen = scored.seen;
    this.#source = source;
  }

  /** Positions of the tokens in the text. */
  get positions(): Int32Array {
    const { order, cache } = this.#source;
    const [slots, positions] = [this.#peek(order), this.#peek(cache.positions)];
    const [ranks, held] = [order.shape[1], cache.positions.shape[1]];
    return Int32Array.from({ length: this.heads * this.tokens }, (_, i) => {
      const head = Math.floor(i / this.tokens);
      return positions[head * held + slots[head * ranks + i % this.tokens]];
    });
  }

  /** Attention that the window's queries pay to them, as `gkv` scores it. */
  get attention(): Float32Array {
    return this.#first(this.#source.attention());
  }

  /** Cosine of each key with the mean key, as `keydiff` has it. */
  get similarity(): Float32Array {
    return this.#first(this.#source.similarity());
  }

  /** The scored tokens of a tensor `[heads, slots]`. */
  #first(tensor: Tensor): Float32Array {
    const part = this.#source.backend.slice(tensor, 0, this.tokens);
    return this.#peek(part) as Float32Array;
  }

  #peek(tensor: Tensor): Float32Array | Int32Array {
    const { backend } = this.#source;
    if (backend.peek) return backend.peek(tensor);
    throw new TypeError(
      `Cannot give a scorer its arrays on ${backend.name}: nothing can be read ` +
        `there without waiting, the backend wasm is needed`,
    );
  }
}
