import { assertEquals } from "@std/assert";
import type { KVCache } from "../../cache/cache.ts";
import { gkv, policies } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import type { KVPool } from "../../cache/pool.ts";
import type { Scorer } from "../../cache/scorer.ts";
import type { Backend } from "../../kernels/backend.ts";
import { openBackend } from "../../kernels/open.ts";
import type { CacheType } from "../../kernels/tensors.ts";
import { places } from "../kernels/places.ts";
import { boundaryAt, feed } from "./feed.ts";
import { check, poolOf, quick } from "./pools.ts";
import { Twin } from "./twin.ts";

/** Puts a text through a cache of a pool and its twin, which must agree. */
class Pair implements Disposable {
  readonly cache: KVCache;
  readonly #twin: Twin;
  readonly #backend: Backend;

  constructor(backend: Backend, pool: KVPool, policy: Policy) {
    this.#backend = backend;
    const options = { policy, boundaryAt };
    this.cache = pool.join(options);
    const { shape, dtype } = pool;
    this.#twin = new Twin(backend, { ...options, ...shape, dtype }, pool.slots);
  }

  /** Gives the twin what the pool gave the cache. */
  follow(): void {
    this.#twin.resize(this.cache.slots);
  }

  async feed(n: number): Promise<void> {
    const out = await feed(this.#backend, this.cache, n);
    assertEquals(out, await feed(this.#backend, this.#twin.cache, n));
  }

  async agree(): Promise<void> {
    const { seen, cached, evictions } = this.cache.stats();
    const twin = this.#twin.cache.stats();
    assertEquals({ seen, cached, evictions }, {
      seen: twin.seen,
      cached: twin.cached,
      evictions: twin.evictions,
    });
    for (const layer of [0, 1]) {
      assertEquals(
        await this.cache.positions(layer, 1),
        await this.#twin.cache.positions(layer, 1),
      );
    }
  }

  [Symbol.dispose](): void {
    this.cache.dispose();
    this.#twin[Symbol.dispose]();
  }
}

/** Three texts that come, grow and go, each beside a cache of its own. */
async function replay(
  backend: Backend,
  policy: Policy,
  dtype: CacheType,
): Promise<void> {
  using pool = poolOf(backend, { policy, dtype });
  const pairs: Pair[] = [];
  const step = async (tokens: readonly number[]) => {
    for (const pair of pairs) pair.follow();
    for (const [i, n] of tokens.entries()) {
      if (n > 1) await pairs[i].feed(n);
      else for (let j = 0; j < 10 * n; j++) await pairs[i].feed(1);
    }
    for (const pair of pairs) await pair.agree();
    check(pool, pairs.map(({ cache }) => cache));
  };
  pairs.push(new Pair(backend, pool, policy));
  await step([60]);
  await step([1]);
  pairs.push(new Pair(backend, pool, policy));
  await step([1, 30]);
  pairs.push(new Pair(backend, pool, policy));
  await step([1, 1, 20]);
  pairs.shift()![Symbol.dispose]();
  await step([1, 20]);
  pairs.push(new Pair(backend, pool, policy));
  await step([1, 1, 1]);
  for (const pair of pairs) pair[Symbol.dispose]();
}

Deno.test("KVPool.leave() moves full neighbours out of each other's way", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const four = [1, 2, 3, 4].map(() => new Pair(backend, pool, pool.policy));
  for (const pair of four) pair.follow();
  for (const pair of four) await pair.feed(12);
  for (const pair of four) {
    for (let i = 0; i < 7; i++) await pair.feed(1);
  }
  const last = four.pop()!;
  last[Symbol.dispose]();
  for (const pair of four) {
    pair.follow();
    await pair.feed(1);
    await pair.agree();
    pair[Symbol.dispose]();
  }
});

Deno.test("KVPool moves many tokens by a few slots, either way", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend, { budget: { tokens: 1000 } });
  using first = new Pair(backend, pool, pool.policy);
  using second = new Pair(backend, pool, pool.policy);
  for (const pair of [first, second]) pair.follow();
  await second.feed(400);
  const third = pool.join();
  for (const pair of [first, second]) pair.follow();
  await second.feed(1);
  third.dispose();
  for (const pair of [first, second]) pair.follow();
  await second.feed(1);
});

for (const backend of places) {
  for (const dtype of ["f32", "f16", "int8"] as const) {
    Deno.test(`KVPool's caches are as those on their own: ${dtype} on ${backend.name}`, async () => {
      await replay(backend, quick(gkv()), dtype);
    });
  }
}

Deno.test("KVPool's caches are as those on their own, whatever the method", async () => {
  for (const name of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: name });
    for (const policy of Object.values(policies)) {
      if (policy().score === "none") continue;
      await replay(backend, quick(policy()), "f32");
    }
    const score: Scorer = ({ positions }) =>
      Float32Array.from(positions, (position) => position * 7 % 31);
    await replay(backend, { ...quick(gkv()), score }, "f32");
  }
});
