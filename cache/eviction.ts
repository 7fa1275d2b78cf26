import type { Allocations } from "../kernels/allocations.ts";
import type { Backend, Tensor } from "../kernels/ops.ts";
import { type HeadGroup, headsOf, type Layer } from "./layer.ts";
import type { Policy } from "./policy.ts";

/**
 * The one pipeline that all methods share (design.md, rule 1; the mathematics
 * are in the descriptions of the kernels it calls). Its intermediate results
 * are allocated once and serve all layers.
 */
export class Eviction {
  readonly #backend: Backend;
  readonly #policy: Policy;
  readonly #order: Tensor;
  readonly #kept: Tensor;
  readonly #scores: Tensor;
  readonly #select: Tensor;
  readonly #redundancy: Tensor;

  /**
   * @param memory Where the intermediate results belong.
   * @param heads KV heads of a group, each of which is evicted from on its own.
   * @param slots Tokens that a head can hold.
   */
  constructor(
    backend: Backend,
    memory: Allocations,
    policy: Policy,
    heads: number,
    slots: number,
  ) {
    const shape = [heads, slots];
    this.#backend = backend;
    this.#policy = policy;
    this.#order = memory.tensor(shape, "i32");
    this.#kept = memory.tensor(shape, "i32");
    this.#scores = memory.tensor(shape);
    this.#select = memory.tensor(shape);
    this.#redundancy = memory.tensor(shape);
  }

  /** What the last group was selected by, by rank: `[heads, slots]`. */
  get select(): Tensor {
    return this.#select;
  }

  /** Bytes of the intermediate results. */
  get scratchBytes(): number {
    const [heads, slots] = this.#order.shape;
    return 5 * heads * slots * Float32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Leaves `tokens` of a layer's tokens, among them the `protect` oldest and
   * the window's.
   *
   * @param onGroup Called after each group of heads, while `select` is its.
   */
  run(
    layer: Layer,
    tokens: number,
    protect: number,
    onGroup?: (group: HeadGroup) => void,
  ): void {
    for (const group of layer.groups) {
      this.#evictFrom(layer, group, tokens, protect);
      onGroup?.(group);
    }
    layer.cached = tokens;
    layer.remembered = tokens - this.#policy.window;
  }

  #evictFrom(
    layer: Layer,
    group: HeadGroup,
    tokens: number,
    protect: number,
  ): void {
    const { window } = this.#policy;
    const { cached } = layer;
    const [older, keep] = [cached - window, tokens - window];
    const [backend, order, kept] = [this.#backend, this.#order, this.#kept];
    backend.order(group, order, cached);
    this.#score(layer, group, older);
    this.#weigh(group, cached);
    if (protect) backend.protect(this.#select, protect);
    backend.topK(this.#select, kept, older, keep);
    if (group.history) backend.gather(this.#scores, kept, group.history, keep);
    backend.compact(group, order, kept, cached, keep, window);
  }

  /** Local score and, where the method has one, the global score. */
  #score(layer: Layer, group: HeadGroup, older: number): void {
    const { score, shift = 0, history } = this.#policy;
    const [backend, scores] = [this.#backend, this.#scores];
    if (score === "recency") return backend.recency(scores, older);
    const { oldest, cached, remembered } = layer;
    const queries = headsOf(backend, layer, group, layer.queries!);
    const order = this.#order;
    backend.windowScores(queries, oldest, group, order, scores, cached, shift);
    if (!history) return;
    const { merge, decay } = history;
    backend.normalise(scores, older);
    backend.mergeHistory(scores, group.history!, remembered, merge, decay);
  }

  /** What is selected by: the score, pooled and less the redundancy. */
  #weigh(group: HeadGroup, cached: number): void {
    const { pool, redundancy, window, history } = this.#policy;
    const [backend, select] = [this.#backend, this.#select];
    const older = cached - window;
    // Pooling over one neighbour copies: the score itself is remembered.
    backend.pool(this.#scores, select, older, pool ?? 1);
    if (!redundancy) return;
    const repeated = this.#redundancy;
    backend.redundancy(group, this.#order, repeated, cached, window);
    if (history) backend.normalise(repeated, older);
    backend.mixScores(select, repeated, older, redundancy.mix);
  }
}
