import { Allocations } from "../kernels/allocations.ts";
import type { Backend, CacheType, Tensor } from "../kernels/ops.ts";
import { resolveBudget } from "./budget.ts";
import { Eviction } from "./eviction.ts";
import {
  allocateLayer,
  type CacheShape,
  emptyLayer,
  formFor,
  type HeadGroup,
  headsOf,
  headsPerGroup,
  type Layer,
  rememberQueries,
  slotBytes,
} from "./layer.ts";
import {
  checkBoundaries,
  checkHeads,
  checkPending,
  checkReposition,
  checkShape,
  noRoom,
  protectMost,
} from "./checks.ts";
import type { CacheStats, KVCacheOptions, Phase } from "./options.ts";
import { checkPolicy, type Policy } from "./policy.ts";
import { gkv } from "./policies/mod.ts";
import {
  checkRevocable,
  isRevocable,
  noteRevocable,
  queriesKept,
  takeBack,
} from "./rollback.ts";
import { Schedule } from "./schedule.ts";
import { NO_TALLY, talliedBefore } from "./tally.ts";
import { EvictionLog, type EvictionRecord } from "./record.ts";

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
  /** Tokens that an eviction leaves. */
  readonly tokens: number;
  /** Tokens that a head can hold. */
  readonly slots: number;
  /** How keys and values are stored. */
  readonly dtype: CacheType;

  readonly #backend: Backend;
  readonly #memory: Allocations;
  readonly #layers: Layer[];
  readonly #eviction: Eviction;
  readonly #log: EvictionLog | undefined;
  readonly #slotBytes: number;
  readonly #schedule: Schedule;
  readonly #repositions: boolean;
  #evictions = 0;
  #disposed = false;

  /**
   * Allocates all the memory it will ever have.
   *
   * @throws {RangeError} when the budget, the policy or a size is out of range,
   * or the backend has not enough memory.
   */
  constructor(backend: Backend, options: KVCacheOptions) {
    const { policy = gkv(), budget, protectPrompt, contextLength } = options;
    const { layers, queryHeads, kvHeads, headDim, dtype = "f32" } = options;
    checkPolicy(policy);
    checkShape(options);
    checkBoundaries(policy, options.boundaryAt);
    checkReposition(options);
    this.shape = { layers, queryHeads, kvHeads, headDim };
    this.policy = policy;
    this.dtype = dtype;
    const form = formFor(policy, dtype);
    this.#slotBytes = slotBytes(this.shape, form) * layers;
    const resolved = resolveBudget(budget, {
      policy,
      slotBytes: this.#slotBytes,
      contextLength,
    });
    this.tokens = resolved.tokens;
    this.slots = Math.max(resolved.slots, options.slots ?? 0);
    this.#schedule = new Schedule({
      policy,
      tokens: this.tokens,
      slots: this.slots,
      protectMost: protectPrompt
        ? protectMost(this.tokens, policy.window, options.protectShare)
        : 0,
      boundaryAt: options.boundaryAt,
    });
    this.#backend = backend;
    this.#log = options.record ? new EvictionLog(backend) : undefined;
    const { slots } = this;
    const most = backend.maxTensorBytes;
    const heads = headsPerGroup(this.shape, slots, dtype, most);
    const memory = new Allocations(backend);
    this.#memory = memory;
    this.#layers = memory.attempt(() =>
      Array.from(
        { length: layers },
        (_, layer) =>
          allocateLayer(
            memory,
            layer,
            this.shape,
            slots,
            heads,
            policy,
            form,
          ),
      )
    );
    this.#eviction = memory.attempt(() =>
      new Eviction(backend, memory, policy, heads, slots, options)
    );
    this.#repositions = options.reposition !== undefined;
  }

  /** Tokens appended to all layers: the position of the next one. */
  get seen(): number {
    return this.#layer(this.shape.layers - 1).seen;
  }

  /** Position of the next token for its rotary embedding. */
  get position(): number {
    const { cached, seen } = this.#layer(this.shape.layers - 1);
    return this.#repositions ? cached : seen;
  }

  /** Tokens that can be appended to a layer before its next eviction. */
  room(layer = 0): number {
    return this.slots - this.#layer(layer).cached;
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
    const { kvHeads, headDim } = this.shape;
    checkHeads("append k", k, n, kvHeads, headDim);
    checkHeads("append v", v, n, kvHeads, headDim);
    if (n > this.slots - state.cached) {
      throw noRoom(this.policy, layer, n, state.cached, this.slots);
    }
    const { cached, seen, names, groups } = state;
    const backend = this.#backend;
    // A group that is refused ends it: what others wrote is in slots not in use.
    for (const group of groups) {
      const [key, value] = [k, v].map((t) => headsOf(backend, state, group, t));
      backend.append(group, key, value, n, cached, seen, names.kv);
    }
    state.cached += n;
    state.seen += n;
    state.pending += n;
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
    const { queryHeads, headDim } = this.shape;
    checkHeads("attend with q", q, n, queryHeads, headDim);
    checkHeads("attend into out", out, n, queryHeads, headDim);
    checkPending(layer, n, state.pending);
    this.#attention(state, q, out, n, phase);
    rememberQueries(this.#backend, state, q, n);
    state.pending = 0;
    noteRevocable(state, this.policy, n, phase);
    const isLast = layer === this.shape.layers - 1;
    if (this.#schedule.isDue(state, phase, isLast)) this.#evict(layer);
  }

  /** Evicts now whatever is over the budget, without waiting for its time. */
  evict(): void {
    this.#layers.forEach((state, layer) => {
      if (state.cached > this.tokens) this.#evict(layer);
    });
  }

  /**
   * Tokens that can be generated and taken back again: as many as come before
   * the next eviction, or before the room ends, from a state in which all
   * layers have seen the same; none with a policy that adds up all attention.
   */
  stepsToEviction(): number {
    if (!isRevocable(this.policy)) return 0;
    const last = this.#layer(this.shape.layers - 1);
    return this.#schedule.stepsToEviction(last);
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
    checkRevocable(this.#layers, n);
    for (const layer of this.#layers) takeBack(layer, n, this.policy.interval);
  }

  /** Positions that a head holds, ascending. */
  async positions(layer: number, head: number): Promise<Int32Array> {
    const { groups, cached } = this.#layer(layer);
    const { kvHeads } = this.shape;
    if (!(head >= 0 && head < kvHeads)) {
      throw new RangeError(
        `Cannot give the positions of KV head ${head}: there are ${kvHeads}`,
      );
    }
    const group = groups.findLast(({ first }) => head >= first)!;
    const held = this.#backend.slice(group.positions, 0, cached);
    const all = await this.#backend.read(held) as Int32Array;
    const start = (head - group.first) * cached;
    return all.slice(start, start + cached).sort();
  }

  /**
   * Every eviction so far, the oldest first; needs the option `record`.
   */
  evictions(): Promise<EvictionRecord[]> {
    this.#alive();
    return this.#log?.read() ?? Promise.resolve([]);
  }

  /** What is used, in tokens and bytes. */
  stats(): CacheStats {
    const { seen, cached } = this.#layer(this.shape.layers - 1);
    const { layers, queryHeads, headDim } = this.shape;
    const queryBytes = layers * queriesKept(this.policy) * queryHeads *
      headDim * 4;
    return {
      seen,
      cached,
      budgetTokens: this.tokens,
      bytes: this.#layers.reduce((sum, layer) => sum + layer.cached, 0) *
        this.#slotBytes / layers,
      budgetBytes: this.slots * this.#slotBytes,
      scratchBytes: queryBytes + this.#eviction.scratchBytes,
      evictions: this.#evictions,
    };
  }

  /** Forgets everything; the memory stays allocated. */
  reset(): void {
    this.#alive();
    for (const layer of this.#layers) Object.assign(layer, emptyLayer);
    this.#log?.clear();
    this.#schedule.reset();
    this.#evictions = 0;
  }

  /** Gives all memory back; using the cache afterwards throws. */
  dispose(): void {
    if (this.#disposed) return;
    this.#log?.clear();
    this.#memory[Symbol.dispose]();
    this.#disposed = true;
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #layer(index: number): Layer {
    this.#alive();
    const layer = this.#layers[index];
    if (layer) return layer;
    throw new RangeError(
      `Cannot use layer ${index}: the cache has layers 0 to ` +
        `${this.#layers.length - 1}`,
    );
  }

  #alive(): void {
    if (!this.#disposed) return;
    throw new TypeError("Cannot use the cache: it was disposed of");
  }

  #attention(
    state: Layer,
    q: Tensor,
    out: Tensor,
    n: number,
    phase: Phase,
  ): void {
    const { cached, names, groups } = state;
    const backend = this.#backend;
    const before = talliedBefore(state, this.policy, this.#schedule, n, phase);
    for (const group of groups) {
      const query = headsOf(backend, state, group, q);
      const result = headsOf(backend, state, group, out);
      const tally = before === NO_TALLY ? undefined : group.tally;
      const { q: name } = names;
      backend.attention(query, group, result, n, cached, name, tally, before);
    }
  }

  #evict(index: number): void {
    const layer = this.#layer(index);
    const { window } = this.policy;
    const [log, eviction, tokens] = [this.#log, this.#eviction, this.tokens];
    const extent = {
      layer: index,
      seen: layer.seen,
      tokens,
      older: layer.cached - window,
      remembered: tokens - window,
    };
    const note = log &&
      ((group: HeadGroup) => log.note(extent, group, eviction.finalScores));
    eviction.run(index, layer, tokens, this.#schedule.protect, note);
    layer.revocable = layer.tallied = 0;
    if (index === this.shape.layers - 1) this.#evictions++;
  }
}
