import { slackOf } from "../../cache/budget.ts";
import { KVCache } from "../../cache/cache.ts";
import { protectMost } from "../../cache/checks.ts";
import { type CacheHome, ownHome } from "../../cache/home.ts";
import type { KVCacheOptions } from "../../cache/options.ts";
import type { Policy } from "../../cache/policy.ts";
import type { Backend } from "../../kernels/backend.ts";

/** Options of a {@linkcode Twin}. */
export type TwinOptions = Omit<KVCacheOptions, "budget"> & { policy: Policy };

/**
 * A cache on its own, in memory that never moves, whose budget becomes that
 * of a cache in a pool whenever it changes.
 */
export class Twin implements Disposable {
  readonly cache: KVCache;
  readonly #home: CacheHome;
  readonly #options: TwinOptions;

  /** @param most Slots of the pool. */
  constructor(backend: Backend, options: TwinOptions, most: number) {
    const { dtype = "f32" } = options;
    const budget = { tokens: most - slackOf(options.policy) };
    const settled = { ...options, dtype, budget };
    this.#options = options;
    this.#home = ownHome(backend, settled);
    this.cache = new KVCache(backend, settled, this.#home);
  }

  /** Gives it a budget. */
  resize(slots: number): void {
    const isLess = slots < this.cache.slots;
    const { policy, protectPrompt, protectShare } = this.#options;
    const tokens = slots - slackOf(policy);
    const most = protectPrompt
      ? protectMost(tokens, policy.window, protectShare)
      : 0;
    Object.assign(this.#home.limits, { tokens, slots, protectMost: most });
    if (isLess) this.cache.evict();
  }

  /** Forgets it. */
  [Symbol.dispose](): void {
    this.cache.dispose();
  }
}
