import { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type { CacheArena, Region } from "./arena.ts";
import { leastTokens, slackOf } from "./budget.ts";
import { KVCache } from "./cache.ts";
import { protectMost as mostProtected } from "./checks.ts";
import { Eviction } from "./eviction.ts";
import type { CacheHome, CacheLimits, SettledOptions } from "./home.ts";
import { formFor, type Layer, newLayer } from "./layer.ts";
import type { Claim } from "./shares.ts";

/** What a sequence of a pool is made for. */
export type MemberOptions = Omit<SettledOptions, "budget"> & {
  /** Size of its share beside the others'. */
  weight: number;
  /** Fewest tokens that an eviction may leave. */
  least: number;
  /** Takes back what was computed ahead. */
  settle: (() => void) | undefined;
};

/** One sequence of a pool: a cache and its region of the arena. */
export class PoolMember {
  /** What the sequence uses. */
  readonly cache: KVCache;
  /** Part of the arena that is its own. */
  region: Region = { start: 0, slots: 0 };
  readonly #options: MemberOptions;
  readonly #arena: CacheArena;
  readonly #home: CacheHome;
  readonly #memory: Allocations;

  /**
   * Allocates what it needs beside its region, which {@linkcode place} gives.
   *
   * @param leave Called when the cache is disposed of.
   * @throws {RangeError} when memory runs out.
   */
  constructor(
    backend: Backend,
    arena: CacheArena,
    slotBytes: number,
    options: MemberOptions,
    leave: (member: PoolMember) => void,
  ) {
    const memory = new Allocations(backend);
    this.#options = options;
    this.#arena = arena;
    this.#memory = memory;
    this.#home = memory.attempt(() => ({
      layers: emptyLayers(memory, options),
      eviction: new Eviction(
        backend,
        memory,
        options.policy,
        arena.scratch,
        options,
      ),
      limits: limitsOf(options, claimOf(options).least),
      slotBytes,
      memory: { [Symbol.dispose]: () => leave(this) },
    }));
    const budget = { tokens: options.least };
    this.cache = new KVCache(backend, { ...options, budget }, this.#home);
  }

  /** What it asks for now: its least, and what its tokens forbid to evict. */
  get claim(): Claim {
    return claimOf(this.#options, this.cache.leastTokens);
  }

  /** Whether all layers have seen and attended to the same tokens. */
  get isBetweenSteps(): boolean {
    const { layers } = this.#home;
    const { seen } = layers[0];
    return layers.every((layer) => layer.pending === 0 && layer.seen === seen);
  }

  /** Bytes of its own beside the region. */
  get ownBytes(): number {
    const { scratchBytes } = this.#home.eviction;
    return this.cache.stats().scratchBytes - scratchBytes;
  }

  /**
   * Evicts what it cannot hold with `slots` slots until its next eviction is
   * due, if those are fewer than it has.
   */
  shrink(slots: number): void {
    if (slots >= this.region.slots) return;
    this.limit(slots);
    const { tokens } = this.cache;
    if (this.#home.layers.every(({ cached }) => cached <= tokens)) return;
    this.#options.settle?.();
    this.cache.evict();
  }

  /** Sets how much it may hold. */
  limit(slots: number): void {
    Object.assign(this.#home.limits, limitsOf(this.#options, slots));
  }

  /** Moves to a region, which must have room for what is held. */
  place(region: Region): void {
    const { layers } = this.#home;
    const { policy } = this.#options;
    this.#arena.move(layers, this.region.start, region.start);
    this.region = region;
    this.limit(region.slots);
    layers.forEach((layer, i) =>
      layer.groups = this.#arena.view(i, policy, region)
    );
  }

  /** Gives the memory back that is not the arena's. */
  free(): void {
    this.#memory[Symbol.dispose]();
  }
}

/** What a sequence asks for; `least` are tokens that it cannot do without. */
export function claimOf(
  options: Pick<MemberOptions, "weight" | "least" | "policy">,
  least: number = leastTokens(options.policy),
): Claim {
  const { weight, policy } = options;
  return { weight, least: Math.max(options.least, least) + slackOf(policy) };
}

function limitsOf(
  { policy, protectPrompt, protectShare }: MemberOptions,
  slots: number,
): CacheLimits {
  const tokens = slots - slackOf(policy);
  const protectMost = protectPrompt
    ? mostProtected(tokens, policy.window, protectShare)
    : 0;
  return { tokens, slots, protectMost };
}

/** Layers that have queries and no slots yet. */
function emptyLayers(memory: Allocations, options: MemberOptions): Layer[] {
  const { layers, policy, dtype } = options;
  const form = formFor(policy, dtype);
  return Array.from(
    { length: layers },
    (_, i) => newLayer(memory, i, options, form, []),
  );
}
