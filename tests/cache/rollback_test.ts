import { assertEquals, assertThrows } from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import { full, gkv, h2o, policies } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { boundaryAt, feed } from "./feed.ts";

function cacheOf(backend: Backend, policy: Policy, budget = 16): KVCache {
  return new KVCache(backend, {
    layers: 2,
    queryHeads: 4,
    kvHeads: 2,
    headDim: 16,
    budget: { tokens: budget },
    policy,
    boundaryAt,
  });
}

/** The method with intervals short enough for a test. */
const quick = (policy: Policy, interval = 9): Policy => ({
  ...policy,
  window: Math.min(policy.window, 4),
  interval,
});

const positionsOf = (cache: KVCache) =>
  Promise.all([0, 1].map((layer) => cache.positions(layer, 1)));

Deno.test("KVCache.rollback() refuses what a total of attention holds", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, quick(h2o()));
  for (let i = 0; i < 3; i++) await feed(backend, cache);
  assertEquals(cache.stepsToEviction(), 0);
  assertThrows(() => cache.rollback(1), RangeError, "adds up all attention");
});

for (const [name, policy] of Object.entries(policies)) {
  if (policy().score === "total") continue;
  Deno.test(`KVCache.rollback() with ${name} leaves no trace`, async () => {
    using backend = await openBackend();
    for (const [generated, back] of [[0, 7], [1, 1], [3, 5], [5, 3], [9, 7]]) {
      const budget = name === "full" ? 100 : 16;
      using plain = cacheOf(backend, quick(policy()), budget);
      using rolled = cacheOf(backend, quick(policy()), budget);
      for (const cache of [plain, rolled]) {
        await feed(backend, cache, 14);
        for (let i = 0; i < generated; i++) await feed(backend, cache);
      }
      for (let i = 0; i < back; i++) await feed(backend, rolled);
      rolled.rollback(back);
      assertEquals(rolled.stats(), plain.stats());
      assertEquals(rolled.stepsToEviction(), plain.stepsToEviction());
      // Needs the queries from before those that were taken back at once.
      for (const cache of [plain, rolled]) {
        if (name !== "full") cache.evict();
      }
      assertEquals(await positionsOf(rolled), await positionsOf(plain));
      for (let i = 0; i < 30; i++) {
        const expected = await feed(backend, plain);
        assertEquals(await feed(backend, rolled), expected);
      }
      assertEquals(rolled.stats(), plain.stats());
      assertEquals(await positionsOf(rolled), await positionsOf(plain));
    }
  });
}

Deno.test("KVCache.stepsToEviction() counts the tokens until one evicts", async () => {
  using backend = await openBackend();
  for (const interval of [1, 3, 8]) {
    for (const tokens of [5, 6, 7, 16, 17]) {
      using cache = cacheOf(backend, quick(gkv(), interval), 16);
      await feed(backend, cache, tokens);
      for (let round = 0; round < 3; round++) {
        const { evictions } = cache.stats();
        for (let left = cache.stepsToEviction(); left > 0; left--) {
          assertEquals(cache.stepsToEviction(), left);
          await feed(backend, cache);
        }
        assertEquals(cache.stats().evictions, evictions);
        await feed(backend, cache);
        assertEquals(cache.stats().evictions, evictions + 1);
      }
    }
  }
});

Deno.test("KVCache.stepsToEviction() ends with the room of a cache that never evicts", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, full(), 12);
  await feed(backend, cache, 10);
  assertEquals(cache.stepsToEviction(), 2);
});

Deno.test("KVCache.rollback() refuses prompts, evictions and more than 7", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, quick(gkv(), 12));
  const refuses = (n: number, most: number) => {
    const before = cache.stats();
    const message = `${most} can be taken back`;
    assertThrows(() => cache.rollback(n), RangeError, message);
    assertEquals(cache.stats(), before);
  };
  await feed(backend, cache, 10);
  refuses(1, 0);
  for (let i = 0; i < 9; i++) await feed(backend, cache);
  refuses(8, 7);
  refuses(-1, 7);
  refuses(0.5, 7);
  cache.rollback(3);
  refuses(5, 4);
  for (let i = 0; i < 7; i++) await feed(backend, cache);
  assertEquals(cache.stats().evictions, 1);
  refuses(2, 1);
  cache.rollback(1);
  cache.evict();
  refuses(1, 0);
});
