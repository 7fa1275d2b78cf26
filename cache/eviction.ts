import type { Allocations } from "../kernels/allocations.ts";
import type { Backend, Tensor } from "../kernels/ops.ts";
import type { Layer } from "./layer.ts";
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
   * @param kvHeads Heads that are evicted from, each on its own.
   * @param slots Tokens that a head can hold.
   */
  constructor(
    backend: Backend,
    memory: Allocations,
    policy: Policy,
    kvHeads: number,
    slots: number,
  ) {
    const shape = [kvHeads, slots];
    this.#backend = backend;
    this.#policy = policy;
    this.#order = memory.tensor(shape, "i32");
    this.#kept = memory.tensor(shape, "i32");
    this.#scores = memory.tensor(shape);
    this.#select = memory.tensor(shape);
    this.#redundancy = memory.tensor(shape);
  }

  /** What the last eviction selected by, by rank: `[kvHeads, slots]`. */
  get select(): Tensor {
    return this.#select;
  }

  /** Bytes of the intermediate results. */
  static scratchBytes(kvHeads: number, slots: number): number {
    return 5 * kvHeads * slots * Float32Array.BYTES_PER_ELEMENT;
  }

  /**
   * Leaves `tokens` of a layer's tokens, among them the `protect` oldest and
   * the window's.
   */
  run(layer: Layer, tokens: number, protect: number): void {
    const { window, history } = this.#policy;
    const [older, keep] = [layer.cached - window, tokens - window];
    this.#backend.order(layer, this.#order, layer.cached);
    this.#score(layer, older);
    this.#weigh(layer, older);
    if (protect) this.#backend.protect(this.#select, protect);
    this.#backend.topK(this.#select, this.#kept, older, keep);
    if (history) this.#remember(layer, keep);
    this.#compact(layer, keep);
  }

  /** Local score and, where the method has one, the global score. */
  #score(layer: Layer, older: number): void {
    const { score, shift = 0, history } = this.#policy;
    const backend = this.#backend;
    if (score === "recency") return backend.recency(this.#scores, older);
    const { queries, oldest, cached } = layer;
    backend.windowScores(
      queries!,
      oldest,
      layer,
      this.#order,
      this.#scores,
      cached,
      shift,
    );
    if (!history) return;
    const { merge, decay } = history;
    const { remembered } = layer;
    backend.normalise(this.#scores, older);
    backend.mergeHistory(
      this.#scores,
      layer.history!,
      remembered,
      merge,
      decay,
    );
  }

  /** What is selected by: the score, pooled and less the redundancy. */
  #weigh(layer: Layer, older: number): void {
    const { pool, redundancy, window, history } = this.#policy;
    const backend = this.#backend;
    // Pooling over one neighbour copies: the score itself is remembered.
    backend.pool(this.#scores, this.#select, older, pool ?? 1);
    if (!redundancy) return;
    const { cached } = layer;
    backend.redundancy(layer, this.#order, this.#redundancy, cached, window);
    if (history) backend.normalise(this.#redundancy, older);
    backend.mixScores(this.#select, this.#redundancy, older, redundancy.mix);
  }

  #remember(layer: Layer, keep: number): void {
    const [scores, kept] = [this.#scores, this.#kept];
    this.#backend.gather(scores, kept, layer.history!, keep);
    layer.remembered = keep;
  }

  #compact(layer: Layer, keep: number): void {
    const { window } = this.#policy;
    const [order, kept] = [this.#order, this.#kept];
    this.#backend.compact(layer, order, kept, layer.cached, keep, window);
    layer.cached = keep + window;
  }
}
