import { assert, assertEquals } from "@std/assert";
import type { KVCache } from "../../cache/cache.ts";
import { gkv } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { KVPool, type KVPoolOptions } from "../../cache/pool.ts";
import type { Backend } from "../../kernels/backend.ts";

/** Of the caches of a pool. */
export const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 12 };

/** The method with a window and an interval short enough for a test. */
export const quick = (policy: Policy): Policy => ({
  ...policy,
  window: Math.min(policy.window, 4),
  interval: 8,
});

/** A pool of 96 slots. */
export function poolOf(
  backend: Backend,
  options: Partial<KVPoolOptions> = {},
): KVPool {
  return new KVPool(backend, {
    ...shape,
    budget: { tokens: 96 },
    policy: quick(gkv()),
    ...options,
  });
}

/** What must be so at every moment. */
export function check(pool: KVPool, caches: readonly KVCache[]): void {
  const { bytes, budgetBytes } = pool.stats();
  assert(bytes <= budgetBytes);
  const slots = caches.reduce((sum, cache) => sum + cache.slots, 0);
  assert(slots <= pool.slots, "shares are no more than there is");
  for (const cache of caches) {
    const { cached, budgetTokens } = cache.stats();
    assert(cached <= cache.slots);
    assertEquals(budgetTokens, cache.tokens);
  }
}

/** What each may hold. */
export const slotsOf = (caches: readonly KVCache[]): number[] =>
  caches.map(({ slots }) => slots);
