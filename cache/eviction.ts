import type { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type {
  SelectionCounts,
  SelectionTensors,
} from "../kernels/selection.ts";
import type { Tensor } from "../kernels/tensors.ts";
import type { HeadGroup, Layer } from "./layer.ts";
import type { KVCacheOptions } from "./options.ts";
import type { Policy } from "./policy.ts";
import { Repositioner } from "./reposition.ts";
import { queriesKept } from "./rollback.ts";
import { LocalScores } from "./scores.ts";

/** Intermediate results of evictions, `[heads, slots]` by rank. */
export type EvictionScratch =
  & { readonly order: Tensor }
  & Pick<
    SelectionTensors,
    "scores" | "similarities" | "finalScores" | "kept"
  >;

/** Allocates the intermediate results of evictions from `heads` at once. */
export function allocateScratch(
  memory: Allocations,
  heads: number,
  slots: number,
): EvictionScratch {
  const shape = [heads, slots];
  return {
    order: memory.tensor(shape, "i32"),
    scores: memory.tensor(shape),
    similarities: memory.tensor(shape),
    finalScores: memory.tensor(shape),
    kept: memory.tensor(shape, "i32"),
  };
}

/** Bytes of the intermediate results. */
export function scratchBytes({ order }: EvictionScratch): number {
  const [heads, slots] = order.shape;
  return 5 * heads * slots * Float32Array.BYTES_PER_ELEMENT;
}

/**
 * The one pipeline that all methods share (design.md, rule 1; the mathematics
 * are in the descriptions of the kernels it calls). Its intermediate results
 * are allocated once and serve all layers.
 */
export class Eviction {
  readonly #backend: Backend;
  readonly #policy: Policy;
  readonly #scratch: EvictionScratch;
  readonly #local: LocalScores;
  readonly #repositioner: Repositioner | undefined;

  /**
   * @param memory Where what it allocates belongs.
   * @param scratch For a group's heads, each of which is evicted from on its
   * own, and as many slots as they can hold.
   */
  constructor(
    backend: Backend,
    memory: Allocations,
    policy: Policy,
    scratch: EvictionScratch,
    { boundaryAt, reposition }: Pick<
      KVCacheOptions,
      "boundaryAt" | "reposition"
    >,
  ) {
    this.#backend = backend;
    this.#policy = policy;
    this.#scratch = scratch;
    this.#local = new LocalScores(backend, policy, scratch, boundaryAt);
    this.#repositioner = reposition &&
      new Repositioner(backend, memory, reposition, queriesKept(policy));
  }

  /** What the last group was selected by, by rank: `[heads, slots]`. */
  get finalScores(): Tensor {
    return this.#scratch.finalScores;
  }

  /** Bytes of the intermediate results, which may serve other caches as well. */
  get scratchBytes(): number {
    return scratchBytes(this.#scratch);
  }

  /** Bytes of what it has beside them. */
  get ownBytes(): number {
    return this.#repositioner?.bytes ?? 0;
  }

  /**
   * Leaves `tokens` of a layer's tokens, among them the `protect` oldest and
   * the window's.
   *
   * @param onGroup Called after each group of heads, while `finalScores` are
   * its own.
   */
  run(
    index: number,
    layer: Layer,
    tokens: number,
    protect: number,
    onGroup?: (group: HeadGroup) => void,
  ): void {
    const counts = countsOf(this.#policy, layer, tokens, protect);
    for (const group of layer.groups) {
      this.#evictFrom(index, layer, group, counts);
      onGroup?.(group);
    }
    const { cached } = layer;
    this.#repositioner?.turnQueries(layer, tokens - cached);
    layer.cached = layer.marked = tokens;
    layer.remembered = counts.k;
  }

  #evictFrom(
    index: number,
    layer: Layer,
    group: HeadGroup,
    counts: SelectionCounts,
  ): void {
    const { n, window, k } = counts;
    const backend = this.#backend;
    const { order, kept } = this.#scratch;
    backend.order(group, order, n);
    this.#local.compute(index, layer, group);
    this.#redundancy(group, n);
    const { history, positions } = group;
    const tensors = { ...this.#scratch, history, positions };
    backend.select(this.#policy, tensors, counts);
    this.#repositioner?.turnKeys(group, order, kept, counts);
    backend.compact(group, order, kept, n, k, window);
  }

  #redundancy(group: HeadGroup, n: number): void {
    const { redundancy } = this.#policy;
    if (!redundancy) return;
    const backend = this.#backend;
    const { order, similarities } = this.#scratch;
    if (redundancy.by === "keydiff") {
      backend.keydiff(group, order, similarities, n, 1);
    } else backend.redundancy(group, order, similarities, n);
  }
}

/** How many of a layer's tokens take part in what. */
function countsOf(
  { window, quota }: Policy,
  { cached: n, remembered, seen }: Layer,
  tokens: number,
  protect: number,
): SelectionCounts {
  const k = tokens - window;
  const reserved = quota ? Math.min(quota.share * k, k - protect) : 0;
  return {
    n,
    window,
    k,
    remembered,
    protect,
    blockSize: quota ? Math.ceil(seen / quota.blocks) : 0,
    perBlock: quota ? Math.floor(reserved / quota.blocks) : 0,
  };
}
