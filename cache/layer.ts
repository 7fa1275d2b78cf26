import type { Allocations } from "../kernels/allocations.ts";
import type { Backend, LayerCache, Tensor } from "../kernels/ops.ts";

/** Sizes of a cache; every one is a count. */
export interface CacheShape {
  /** Transformer blocks. */
  layers: number;
  /** Heads of a query, a multiple of `kvHeads`. */
  queryHeads: number;
  /** Heads of a key and a value. */
  kvHeads: number;
  /** Channels of a head, a multiple of 4. */
  headDim: number;
}

/**
 * Some KV heads of a layer: as many as the backend's largest tensor holds,
 * which is nearly always all of them.
 */
export interface HeadGroup extends LayerCache {
  /** KV heads `first … first + heads` of the layer. */
  readonly first: number;
  readonly heads: number;
  /** Scores of the previous eviction by rank, `[heads, slots]`, if kept. */
  readonly history: Tensor | undefined;
}

/** What one layer of a cache holds, and how far it is. */
export interface Layer {
  /** What errors call its inputs; made once, as appending is per token. */
  readonly names: {
    readonly q: string;
    readonly kv: readonly [k: string, v: string];
  };
  /** All KV heads, in groups of equal size. */
  readonly groups: readonly HeadGroup[];
  /**
   * Last queries, if they score: a ring `[n, queryHeads, headDim]` of the
   * window's and as many more as can be taken back.
   */
  readonly queries: Tensor | undefined;
  /** Slots in use. */
  cached: number;
  /** Tokens appended so far: the position of the next one. */
  seen: number;
  /** Tokens appended since the last attention. */
  pending: number;
  /** Tokens generated since the last prompt or the last eviction's due time. */
  generated: number;
  /** Oldest tokens that have a score in a group's history. */
  remembered: number;
  /** Entry of `queries` to be written next, which is the oldest. */
  next: number;
  /** Newest tokens that can be taken back. */
  revocable: number;
}

/** The counters of a layer. */
type Progress = Pick<
  Layer,
  | "cached"
  | "seen"
  | "pending"
  | "generated"
  | "remembered"
  | "next"
  | "revocable"
>;

/** Counters of a layer that has seen nothing. */
export const emptyLayer: Readonly<Progress> = {
  cached: 0,
  seen: 0,
  pending: 0,
  generated: 0,
  remembered: 0,
  next: 0,
  revocable: 0,
};

/** What a layer keeps beside keys, values and positions. */
export interface LayerExtras {
  /** Entries of the ring of queries; 0 for none. */
  queries: number;
  /** Scores of earlier evictions. */
  history: boolean;
}

/**
 * KV heads that share a tensor: as many as fit into `maxBytes` and divide the
 * layer's evenly.
 *
 * @throws {RangeError} when not even one head fits.
 */
export function headsPerGroup(
  { kvHeads, headDim }: CacheShape,
  slots: number,
  maxBytes: number,
): number {
  const headBytes = slots * headDim * Float32Array.BYTES_PER_ELEMENT;
  for (let heads = kvHeads; heads > 0; heads--) {
    if (kvHeads % heads === 0 && heads * headBytes <= maxBytes) return heads;
  }
  throw new RangeError(
    `Cannot make a cache of ${slots} slots: a head takes ${headBytes} bytes, ` +
      `the backend's largest tensor has ${maxBytes}, a smaller budget is needed`,
  );
}

/** Allocates layer `index` with `slots` slots per head. */
export function allocateLayer(
  memory: Allocations,
  index: number,
  shape: CacheShape,
  slots: number,
  heads: number,
  extras: LayerExtras,
): Layer {
  const { queryHeads, kvHeads, headDim } = shape;
  const [q, k, v] = ["q", "k", "v"].map((name) => `${name} of layer ${index}`);
  return {
    names: { q, kv: [k, v] },
    groups: Array.from({ length: kvHeads / heads }, (_, group) => ({
      first: group * heads,
      heads,
      keys: memory.tensor([heads, slots, headDim]),
      values: memory.tensor([heads, slots, headDim]),
      positions: memory.tensor([heads, slots], "i32"),
      history: extras.history ? memory.tensor([heads, slots]) : undefined,
    })),
    queries: extras.queries
      ? memory.tensor([extras.queries, queryHeads, headDim])
      : undefined,
    ...emptyLayer,
  };
}

/**
 * The heads of a group in a tensor `[n, heads, headDim]` of all of them.
 *
 * @param tensor Of KV heads, or of the query heads that share them.
 */
export function headsOf(
  backend: Backend,
  layer: Layer,
  { first, heads }: HeadGroup,
  tensor: Tensor,
): Tensor {
  if (layer.groups.length === 1) return tensor;
  const share = tensor.shape[1] / (layer.groups.length * heads);
  return backend.slice(tensor, first * share, (first + heads) * share);
}

/** Bytes of one slot of one layer: keys, values, position and score. */
export function slotBytes(shape: CacheShape, history: boolean): number {
  const words = 2 * shape.headDim + 1 + (history ? 1 : 0);
  return shape.kvHeads * words * Float32Array.BYTES_PER_ELEMENT;
}

/** Keeps the last queries of `q`, `n` entries, in the layer's ring. */
export function rememberQueries(
  backend: Backend,
  layer: Layer,
  q: Tensor,
  n: number,
): void {
  const { queries } = layer;
  if (!queries) return;
  const ring = queries.shape[0];
  for (let done = Math.max(0, n - ring); done < n;) {
    const run = Math.min(n - done, ring - layer.next);
    backend.copy(q, done, queries, layer.next, run);
    layer.next = (layer.next + run) % ring;
    done += run;
  }
}
