import type { Backend } from "../kernels/backend.ts";
import type { CacheType, Tensor } from "../kernels/tensors.ts";
import {
  checkAppended,
  checkAttending,
  checkHead,
  checkLayer,
  checkOptions,
  checkPending,
  checkSettled,
  noRoom,
} from "./checks.ts";
import { type EvictionProgress, Evictor } from "./evictor.ts";
import { type CacheHome, ownHome, type SettledOptions } from "./home.ts";
import {
  type CacheShape,
  emptyLayer,
  formFor,
  type Layer,
  positionsOf,
  type Progress,
  progressOf,
} from "./layer.ts";
import type { CacheStats, KVCacheOptions, Phase } from "./options.ts";
import { gkv } from "./policies/mod.ts";
import type { Policy } from "./policy.ts";
import type { EvictionRecord } from "./record.ts";
import { isRevocable, noteRevocable, rollBack } from "./rollback.ts";
import type {
  ForkOptions,
  RestoreOptions,
  SaveOptions,
} from "./snapshot/options.ts";
import { headerOf, settledOf } from "./snapshot/settled.ts";
import { readSnapshot, writeSnapshot } from "./snapshot/snapshot.ts";
import { copyLayers, type LayersOf, writeLayers } from "./snapshot/transfer.ts";
import { statsOf } from "./stats.ts";
import { appendTokens, attendTokens } from "./step.ts";
import { talliedBefore } from "./tally.ts";

/**
 * Keys and values of a sequence, in a fixed amount of memory.
 *
 * All memory is allocated when it is made. For each token (or chunk of a
 * prompt) and layer: `append`, then `attend`, which evicts when that is due.
 *
 * @example Attend over a cache that never holds more than 48 tokens
 * ```ts
 * import { gkv, KVCache, openBackend } from "@gkv/gkv";
 * import { assert } from "@std/assert";
 *
 * using backend = await openBackend();
 * using cache = new KVCache(backend, {
 *   layers: 1, queryHeads: 4, kvHeads: 2, headDim: 32,
 *   budget: { tokens: 32 }, policy: gkv({ window: 8, interval: 16 }),
 * });
 * const [q, k, v] = [4, 2, 2].map((heads) => backend.tensor([1, heads, 32]));
 * const out = backend.tensor([1, 4, 32]);
 * for (let token = 0; token < 100; token++) {
 *   backend.write(k, Array.from({ length: 64 }, () => Math.random()));
 *   cache.append(0, k, v);
 *   cache.attend(0, q, out);
 *   assert(cache.stats().bytes <= cache.stats().budgetBytes);
 * }
 * ```
 */
export class KVCache implements Disposable {
  /** Sizes it was made with. */
  readonly shape: CacheShape;
  /** Eviction method. */
  readonly policy: Policy;
  /** How keys and values are stored. */
  readonly dtype: CacheType;

  readonly #backend: Backend;
  readonly #home: CacheHome;
  readonly #evictor: Evictor;
  readonly #options: SettledOptions;
  #disposed = false;

  /**
   * Allocates all the memory it will ever have.
   *
   * @throws {RangeError} when the budget, the policy or a size is out of range,
   * or the backend has not enough memory.
   */
  constructor(backend: Backend, options: KVCacheOptions);
  /**
   * Uses memory of a pool, which may change how much of it there is.
   *
   * @internal
   */
  constructor(backend: Backend, options: KVCacheOptions, home: CacheHome);
  constructor(backend: Backend, options: KVCacheOptions, home?: CacheHome) {
    const { policy = gkv(), dtype = "int8" } = options;
    const { layers, queryHeads, kvHeads, headDim } = options;
    checkOptions({ ...options, policy });
    this.shape = { layers, queryHeads, kvHeads, headDim };
    this.policy = policy;
    this.dtype = dtype;
    this.#backend = backend;
    this.#options = { ...options, policy, dtype };
    this.#home = home ?? ownHome(backend, this.#options);
    this.#evictor = new Evictor(backend, this.#home, this.#options);
  }

  /** Tokens that an eviction leaves. */
  get tokens(): number {
    return this.#home.limits.tokens;
  }

  /** Tokens that a head can hold. */
  get slots(): number {
    return this.#home.limits.slots;
  }

  /**
   * Fewest tokens that an eviction could leave now: the window and what is
   * protected; all that are held by a policy that never evicts.
   */
  get leastTokens(): number {
    return this.#evictor.leastTokens;
  }

  /** Tokens appended to all layers: the position of the next one. */
  get seen(): number {
    return this.#layer(this.shape.layers - 1).seen;
  }

  /** Position of the next token for its rotary embedding. */
  get position(): number {
    const { cached, seen } = this.#layer(this.shape.layers - 1);
    return this.#options.reposition ? cached : seen;
  }

  /** Tokens that can be appended to a layer before its next eviction. */
  room(layer = 0): number {
    return this.slots - this.#layer(layer).cached;
  }

  /**
   * Refuses what {@linkcode append} of `n` tokens would refuse for want of room.
   *
   * @throws {RangeError} when there is none.
   */
  checkRoom(n: number, layer = 0): void {
    const { cached } = this.#layer(layer);
    if (n <= this.slots - cached) return;
    throw noRoom(this.policy, layer, n, cached, this.slots);
  }

  /**
   * Refuses a step of `n` tokens through all layers for want of room, and after
   * one that an error ended amid them.
   *
   * @internal
   */
  checkStep(n: number): void {
    this.#alive();
    checkSettled("go on with", this.#home.layers);
    this.checkRoom(n);
  }

  /**
   * Adds `n` tokens (all of `k` by default) after those already seen.
   *
   * @param k Keys `[n, kvHeads, headDim]`, rotary embedding applied.
   * @param v Values, the same shape.
   * @throws {TypeError} for a wrong shape.
   * @throws {RangeError} when there is no room or a number is not finite; the
   * cache is as before.
   */
  append(layer: number, k: Tensor, v: Tensor, n: number = k.shape[0]): void {
    const state = this.#layer(layer);
    checkAppended(k, v, n, this.shape);
    this.checkRoom(n, layer);
    appendTokens(this.#backend, state, k, v, n);
  }

  /**
   * Causal attention of the `n` tokens just appended (all of `q` by default),
   * then an eviction if one is due.
   *
   * @param q Queries `[n, queryHeads, headDim]`, rotary embedding applied.
   * @param out Result, the same shape.
   * @param phase By default one query is generation, several are a prompt.
   * @throws {TypeError} for a wrong shape or another `n` than was appended.
   * @throws {RangeError} when a number is not finite; the cache is as before.
   */
  attend(
    layer: number,
    q: Tensor,
    out: Tensor,
    n: number = q.shape[0],
    phase: Phase = n === 1 ? "decode" : "promptEnd",
  ): void {
    const state = this.#layer(layer);
    checkAttending(q, out, n, this.shape);
    checkPending(layer, n, state.pending);
    const { schedule } = this.#evictor;
    const before = talliedBefore(state, this.policy, schedule, n, phase);
    attendTokens(this.#backend, state, q, out, n, before);
    noteRevocable(state, this.policy, n, phase);
    this.#evictor.evictIfDue(layer, phase);
  }

  /** Evicts now whatever is over the budget, without waiting for its time. */
  evict(): void {
    this.#alive();
    this.#evictor.evict();
  }

  /**
   * Tokens that can be generated and taken back again: as many as come before
   * the next eviction, or before the room ends, from a state in which all
   * layers have seen the same; none with a policy that adds up all attention.
   */
  stepsToEviction(): number {
    if (!isRevocable(this.policy)) return 0;
    const last = this.#layer(this.shape.layers - 1);
    return this.#evictor.schedule.stepsToEviction(last);
  }

  /**
   * Forgets the `n` newest tokens, as if they had never come: the next ones
   * take their positions and are evicted from as they would have been.
   *
   * @throws {RangeError} for more than were generated, one by one, since the
   * last prompt and the last eviction, and for more than 7; the cache is as
   * before.
   */
  rollback(n: number): void {
    this.#alive();
    rollBack(this.#home.layers, n, this.policy.interval);
  }

  /** Positions that a head holds, ascending. */
  async positions(layer: number, head: number): Promise<Int32Array> {
    const state = this.#layer(layer);
    checkHead(head, this.shape);
    return await positionsOf(this.#backend, state, head);
  }

  /** Every eviction so far, the oldest first; needs the option `record`. */
  evictions(): Promise<EvictionRecord[]> {
    this.#alive();
    return this.#evictor.records();
  }

  /** What is used, in tokens and bytes. */
  stats(): CacheStats {
    this.#alive();
    const { evictions } = this.#evictor.progress;
    return statsOf(this.#home, this.#options, evictions);
  }

  /**
   * The cache as bytes, from which {@linkcode restore} goes on as if it had
   * never stopped; `snapshot/snapshot.ts` has their format. They are of the
   * moment of the call, whatever happens to the cache until they are there.
   *
   * @throws {TypeError} amid a step: all layers must have had the same tokens.
   *
   * @example
   * ```ts
   * import { KVCache, openBackend } from "@gkv/gkv";
   * import { assertEquals } from "@std/assert";
   *
   * using backend = await openBackend();
   * const shape = { layers: 1, queryHeads: 4, kvHeads: 2, headDim: 32 };
   * using cache = new KVCache(backend, { ...shape, budget: { tokens: 64 } });
   * const [q, k, v] = [4, 2, 2].map((heads) => backend.tensor([9, heads, 32]));
   * cache.append(0, k, v);
   * cache.attend(0, q, q);
   * const bytes = await cache.save({ fingerprint: "my model" });
   * const options = { ...shape, fingerprint: "my model" };
   * using restored = await KVCache.restore(backend, bytes, options);
   * assertEquals(restored.stats(), cache.stats());
   * ```
   */
  async save(options: SaveOptions = {}): Promise<Uint8Array> {
    const held = this.#settled("save");
    const { progress } = this.#evictor;
    const header = headerOf(this.#options, this.#home, progress);
    return await writeSnapshot(this.#backend, header, held, options);
  }

  /**
   * The cache that {@linkcode save} made bytes of, with as many slots and
   * memory of its own. What its evictions recorded is not in them.
   *
   * @throws {SnapshotError} for bytes that are no such snapshot, or not what
   * the options ask for; nothing was allocated.
   * @throws {RangeError} when the backend has not enough memory.
   */
  static async restore(
    backend: Backend,
    bytes: Uint8Array,
    options: RestoreOptions = {},
  ): Promise<KVCache> {
    const { header, payload } = await readSnapshot(bytes, options);
    const settled = settledOf(header, options);
    const home = ownHome(backend, settled, header.limits);
    const cache = new KVCache(backend, settled, home);
    cache.#resume(header, header.layers);
    writeLayers(backend, cache.#settled("restore"), payload);
    return cache;
  }

  /**
   * A cache of its own (outside a pool) with the same contents and the same
   * budget: one prompt can go on in many ways. Only what is in use is copied. What its evictions
   * recorded stays with the original.
   *
   * @throws {TypeError} amid a step: all layers must have had the same tokens.
   * @throws {RangeError} when the backend has not enough memory.
   *
   * @example
   * ```ts
   * import { KVCache, openBackend } from "@gkv/gkv";
   * import { assertEquals } from "@std/assert";
   *
   * using backend = await openBackend();
   * const shape = { layers: 1, queryHeads: 4, kvHeads: 2, headDim: 32 };
   * using cache = new KVCache(backend, { ...shape, budget: { tokens: 64 } });
   * const [q, k, v] = [4, 2, 2].map((heads) => backend.tensor([9, heads, 32]));
   * cache.append(0, k, v);
   * cache.attend(0, q, q);
   * using fork = cache.fork();
   * fork.append(0, k, v);
   * fork.attend(0, q, q);
   * assertEquals([cache.seen, fork.seen], [9, 18]);
   * ```
   */
  fork(options: ForkOptions = {}): KVCache {
    const held = this.#settled("fork");
    const fork = this.alike(this.#backend, options);
    fork.#resume(this.#evictor.progress, held.layers);
    copyLayers(this.#backend, held, fork.#home.layers);
    return fork;
  }

  /**
   * An empty cache with the same options, budget and slots.
   *
   * @param backend Where; it may be another one than this cache's.
   * @throws {RangeError} when the backend has not enough memory.
   */
  alike(backend: Backend, options: ForkOptions = {}): KVCache {
    const settled = { ...this.#options, ...options };
    const home = ownHome(backend, settled, this.#home.limits);
    return new KVCache(backend, settled, home);
  }

  /** Forgets everything; the memory stays allocated. */
  reset(): void {
    this.#alive();
    for (const layer of this.#home.layers) Object.assign(layer, emptyLayer);
    this.#evictor.reset();
  }

  /** Gives all memory back; using the cache afterwards throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#evictor.clear();
    this.#disposed = true;
    this.#home.memory[Symbol.dispose]();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #layer(index: number): Layer {
    this.#alive();
    const { layers } = this.#home;
    checkLayer(index, layers);
    return layers[index];
  }

  #alive(): void {
    if (!this.#disposed) return;
    throw new TypeError("Cannot use the cache: it was disposed of");
  }

  /** What there is between two steps. */
  #settled(action: string): LayersOf {
    this.#alive();
    const { layers } = this.#home;
    checkSettled(action, layers);
    const form = formFor(this.policy, this.dtype);
    return { shape: this.shape, form, layers };
  }

  /** Takes over how far another cache is. */
  #resume(progress: EvictionProgress, layers: readonly Progress[]): void {
    layers.forEach((layer, i) => {
      Object.assign(this.#home.layers[i], progressOf(layer));
    });
    this.#evictor.resume(progress);
  }
}
