import type { Allocations } from "../kernels/allocations.ts";
import type {
  Backend,
  SelectionCounts,
  SelectionTensors,
  Tensor,
} from "../kernels/ops.ts";
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
  readonly #tensors: Omit<SelectionTensors, "history">;

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
    this.#tensors = {
      scores: memory.tensor(shape),
      similarities: memory.tensor(shape),
      finalScores: memory.tensor(shape),
      kept: memory.tensor(shape, "i32"),
    };
  }

  /** What the last group was selected by, by rank: `[heads, slots]`. */
  get finalScores(): Tensor {
    return this.#tensors.finalScores;
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
   * @param onGroup Called after each group of heads, while `finalScores` are
   * its own.
   */
  run(
    layer: Layer,
    tokens: number,
    protect: number,
    onGroup?: (group: HeadGroup) => void,
  ): void {
    const { window } = this.#policy;
    const { cached: n, remembered } = layer;
    const counts = { n, window, k: tokens - window, remembered, protect };
    for (const group of layer.groups) {
      this.#evictFrom(layer, group, counts);
      onGroup?.(group);
    }
    layer.cached = tokens;
    layer.remembered = counts.k;
  }

  #evictFrom(layer: Layer, group: HeadGroup, counts: SelectionCounts): void {
    const { n, window, k } = counts;
    const { history } = group;
    const [backend, order, tensors] = [
      this.#backend,
      this.#order,
      this.#tensors,
    ];
    backend.order(group, order, n);
    this.#score(layer, group);
    if (this.#policy.redundancy) {
      backend.redundancy(group, order, tensors.similarities, n);
    }
    backend.select(this.#policy, { ...tensors, history }, counts);
    backend.compact(group, order, tensors.kept, n, k, window);
  }

  /** Local scores of all tokens before the window. */
  #score(layer: Layer, group: HeadGroup): void {
    const { score, window, shift = 0 } = this.#policy;
    const { next, cached } = layer;
    const { scores } = this.#tensors;
    const [backend, order] = [this.#backend, this.#order];
    if (score === "recency") return backend.recency(scores, cached - window);
    const queries = headsOf(backend, layer, group, layer.queries!);
    // The window's are the last ones written.
    const ring = queries.shape[0];
    const oldest = (next + ring - window) % ring;
    backend.windowScores(
      queries,
      oldest,
      window,
      group,
      order,
      scores,
      cached,
      shift,
    );
  }
}
