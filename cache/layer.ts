import type { Allocations } from "../kernels/allocations.ts";
import { vectorBytes } from "../kernels/cache_bytes.ts";
import type { Backend } from "../kernels/backend.ts";
import type { LayerCache, Tally } from "../kernels/layer_cache.ts";
import type { CacheType, Tensor } from "../kernels/tensors.ts";
import type { Policy } from "./policy.ts";
import { queriesKept } from "./rollback.ts";

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
  /** Where attention adds up what tokens get, if they are scored by it. */
  readonly tally: Tally | undefined;
}

/** What one layer of a cache holds, and how far it is. */
export interface Layer {
  /** What errors call its inputs; made once, as appending is per token. */
  readonly names: {
    readonly q: string;
    readonly kv: readonly [k: string, v: string];
  };
  /** All KV heads, in groups of equal size; a pool may move them. */
  groups: readonly HeadGroup[];
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
  /** Queries of the window that the tallies hold. */
  tallied: number;
  /** Slots that a mark was written to. */
  marked: number;
}

/** The counters of a layer. */
export type Progress = Pick<
  Layer,
  | "cached"
  | "seen"
  | "pending"
  | "generated"
  | "remembered"
  | "next"
  | "revocable"
  | "tallied"
  | "marked"
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
  tallied: 0,
  marked: 0,
};

/** The counters alone. */
export function progressOf(layer: Progress): Progress {
  const names = Object.keys(emptyLayer) as (keyof Progress)[];
  return Object.fromEntries(
    names.map((name) => [name, layer[name]]),
  ) as unknown as Progress;
}

/** How a layer stores its tokens and what it keeps beside them. */
export interface LayerForm {
  /** Of keys and values. */
  readonly type: CacheType;
  /** Entries of the ring of queries; 0 for none. */
  readonly queries: number;
  /** Scores of earlier evictions. */
  readonly history: boolean;
  /** A number that moves with each token: attention so far, or a mark. */
  readonly sums: boolean;
  /** What the window's queries pay, while it lasts. */
  readonly tally: boolean;
  /** How much that varies. */
  readonly squares: boolean;
}

/** What a policy needs of a layer. */
export function formFor(policy: Policy, type: CacheType): LayerForm {
  const { score, history, shift } = policy;
  return {
    type,
    queries: queriesKept(policy),
    history: history !== undefined,
    sums: score === "total" || score === "separators",
    tally: score === "attention",
    squares: score === "attention" && shift !== undefined,
  };
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
  type: CacheType,
  maxBytes: number,
): number {
  const headBytes = slots * vectorBytes(type, headDim);
  for (let heads = kvHeads; heads > 0; heads--) {
    if (kvHeads % heads === 0 && heads * headBytes <= maxBytes) return heads;
  }
  throw new RangeError(
    `Cannot make a cache of ${slots} slots: a head takes ${headBytes} bytes, ` +
      `the backend's largest tensor has ${maxBytes}, a smaller budget is needed`,
  );
}

/** Allocates the groups of a layer, with `slots` slots per head. */
export function allocateGroups(
  memory: Allocations,
  { kvHeads, headDim }: CacheShape,
  slots: number,
  heads: number,
  policy: Policy,
  form: LayerForm,
): HeadGroup[] {
  return Array.from({ length: kvHeads / heads }, (_, group) => {
    const own = (needed: boolean) =>
      needed ? memory.tensor([heads, slots]) : undefined;
    const sums = own(form.sums), tally = own(form.tally) ?? sums;
    return {
      first: group * heads,
      heads,
      keys: memory.tensor([heads, slots, headDim], form.type),
      values: memory.tensor([heads, slots, headDim], form.type),
      positions: memory.tensor([heads, slots], "i32"),
      sums,
      history: own(form.history),
      tally: tally && {
        sums: tally,
        squares: own(form.squares),
        heads: policy.heads ?? "max",
      },
    };
  });
}

/** Layer `index`, empty, whose slots are those of `groups`. */
export function newLayer(
  memory: Allocations,
  index: number,
  { queryHeads, headDim }: CacheShape,
  form: LayerForm,
  groups: readonly HeadGroup[],
): Layer {
  const [q, k, v] = ["q", "k", "v"].map((name) => `${name} of layer ${index}`);
  return {
    names: { q, kv: [k, v] },
    groups,
    queries: form.queries
      ? memory.tensor([form.queries, queryHeads, headDim])
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

/** Positions that a KV head of a layer holds, ascending. */
export async function positionsOf(
  backend: Backend,
  { groups, cached }: Layer,
  head: number,
): Promise<Int32Array> {
  const group = groups.findLast(({ first }) => head >= first)!;
  const held = backend.slice(group.positions, 0, cached);
  const all = await backend.read(held) as Int32Array;
  const start = (head - group.first) * cached;
  return all.slice(start, start + cached).sort();
}

/** Bytes of one slot of one layer: keys, values, position and scores. */
export function slotBytes(
  { kvHeads, headDim }: CacheShape,
  { type, history, sums, tally, squares }: LayerForm,
): number {
  const scores = [history, sums, tally, squares].filter(Boolean).length;
  const words = (1 + scores) * Float32Array.BYTES_PER_ELEMENT;
  return kvHeads * (2 * vectorBytes(type, headDim) + words);
}
