import {
  assert,
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import type { KVCache } from "../../cache/cache.ts";
import { full, gkv, h2o, policies } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import type { Scorer } from "../../cache/scorer.ts";
import {
  type JoinOptions,
  KVPool,
  type KVPoolOptions,
} from "../../cache/pool.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend, CacheType } from "../../kernels/ops.ts";
import { places } from "../kernels/places.ts";
import { boundaryAt, feed } from "./feed.ts";
import { Twin } from "./twin.ts";

const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 12 };

/** The method with a window and an interval short enough for a test. */
const quick = (policy: Policy): Policy => ({
  ...policy,
  window: Math.min(policy.window, 4),
  interval: 8,
});

function poolOf(
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
function check(pool: KVPool, caches: readonly KVCache[]): void {
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

const slotsOf = (caches: readonly KVCache[]) =>
  caches.map(({ slots }) => slots);

Deno.test("KVPool.join() shrinks the others evenly", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const caches: KVCache[] = [];
  for (const each of [96, 48, 32, 24, 19]) {
    caches.push(pool.join());
    assertEquals(slotsOf(caches), caches.map(() => each));
    for (const cache of caches) await feed(backend, cache, cache.room());
    check(pool, caches);
  }
  assertEquals(pool.stats().sequences, caches.map((cache) => cache.stats()));
});

Deno.test("KVPool.join() shrinks the others by weight and evicts", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ weight: 2 });
  await feed(backend, first, 88);
  assertEquals(first.stats().cached, 88);
  const second = pool.join({ weight: 1 });
  assertEquals(slotsOf([first, second]), [64, 32]);
  assertEquals(first.stats().cached, 56);
  assertEquals(first.stats().evictions, 1);
  const third = pool.join({ weight: 3 });
  assertEquals(slotsOf([first, second, third]), [32, 16, 48]);
  const newest = (await first.positions(1, 1)).slice(-4);
  assertEquals([...newest], [84, 85, 86, 87], "the window stays");
});

Deno.test("KVPool.join() leaves everyone its least", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ least: 50 });
  const second = pool.join();
  assertEquals(slotsOf([first, second]), [58, 38]);
  const third = pool.join({ weight: 3 });
  assertEquals(slotsOf([first, second, third]), [58, 13, 25]);
});

Deno.test("KVPool.join() that is refused changes nothing", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const caches = [pool.join({ least: 40 }), pool.join()];
  for (const cache of caches) await feed(backend, cache, cache.room());
  const before = pool.stats(), memory = backend.memory();
  const refuses = (
    options: JoinOptions,
    type: new () => Error,
    message: string,
  ) => {
    assertThrows(() => void pool.join(options), type, message);
    assertEquals(pool.stats(), before);
    assertEquals(backend.memory(), memory);
  };
  refuses(
    { least: 28 },
    RangeError,
    "Cannot admit a sequence: the 2 others do not go below 61 of 96 slots, " +
      "36 more are needed",
  );
  refuses({ least: 4 }, RangeError, "with least 4: a whole number of tokens");
  refuses({ weight: 0 }, RangeError, "with weight 0: a number above 0");
  refuses(
    { policy: quick(h2o()) },
    RangeError,
    "with policy h2o: the pool keeps no sums of tokens",
  );
  refuses(
    { protectPrompt: true, protectShare: 2 },
    RangeError,
    "Cannot protect a share of 2",
  );
  refuses(
    { policy: { ...quick(gkv()), at: "newline" } },
    TypeError,
    "boundaryAt is needed",
  );
  const last = pool.join({ least: 27 });
  assertEquals(slotsOf([...caches, last]), [48, 13, 35]);
});

Deno.test("KVPool.join() takes nothing from a sequence that never evicts", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const whole = pool.join({ policy: full() });
  await feed(backend, whole, 60);
  assertThrows(() => pool.join({ least: 29 }), RangeError, "below 60 of 96");
  const other = pool.join();
  assertEquals(slotsOf([whole, other]), [60, 36]);
  assertThrows(() => whole.append(0, ...keys(backend)), RangeError, "60 of 60");
  other.dispose();
  await feed(backend, whole, 36);
  assertEquals(whole.stats().cached, 96);
});

/** A key and a value. */
function keys(backend: Backend) {
  const tensor = () => backend.tensor([1, shape.kvHeads, shape.headDim]);
  return [tensor(), tensor()] as const;
}

Deno.test("KVPool.join() keeps a protected prompt whole", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ protectPrompt: true });
  await feed(backend, first, 40);
  for (let i = 0; i < 30; i++) await feed(backend, first);
  pool.join({ weight: 9 });
  assertEquals(first.slots, 40 + 4 + 8);
  const prompt = Array.from({ length: 40 }, (_, i) => i);
  for (const when of ["at once", "later"]) {
    const held = await first.positions(1, 0);
    assertEquals([...held.slice(0, 40)], prompt, when);
    for (let i = 0; i < 20; i++) await feed(backend, first);
  }
});

Deno.test("KVPool.join() keeps what was protected when it comes within a prompt", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ protectPrompt: true });
  await feed(backend, first, 40, "prompt");
  pool.join({ weight: 9 });
  await feed(backend, first, 10, "promptEnd");
  for (let i = 0; i < 20; i++) await feed(backend, first);
  const held = await first.positions(1, 0);
  assertEquals(
    [...held.slice(0, 40)],
    Array.from({ length: 40 }, (_, i) => i),
  );
});

Deno.test("KVPool.join() changes nothing when a scorer throws", async () => {
  using backend = await openBackend();
  const score = () => {
    throw new Error("no score");
  };
  const policy = { ...quick(gkv()), score };
  using pool = poolOf(backend, { policy });
  const first = pool.join();
  await feed(backend, first, 80);
  const before = pool.stats(), memory = backend.memory();
  assertThrows(() => pool.join(), Error, "no score");
  assertEquals(pool.stats(), before);
  assertEquals(backend.memory(), memory);
  assertEquals(first.room(), 16);
});

Deno.test("KVPool.join() refuses in the middle of another's step", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join();
  await feed(backend, first, 5);
  const q = backend.tensor([1, shape.queryHeads, shape.headDim]);
  const attend = (layer: number) => first.attend(layer, q, q);
  const refuses = () =>
    assertThrows(() => pool.join(), TypeError, "in the middle of a step");
  first.append(0, ...keys(backend));
  refuses();
  attend(0);
  refuses();
  first.append(1, ...keys(backend));
  attend(1);
  assertEquals(pool.join().slots, 48);
});

Deno.test("KVPool.join() settles what was computed ahead before it evicts", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  let ahead = 0;
  const settle = () => first.rollback(ahead);
  const first = pool.join({ settle });
  await feed(backend, first, 80);
  for (ahead = 0; ahead < 3; ahead++) await feed(backend, first);
  pool.join();
  assertEquals(first.seen, 80);
  assertEquals(first.stats().cached, 40);
  assertEquals((await first.positions(0, 0)).at(-1), 79);
});

Deno.test("KVPool.join() lets those who wait in, in their order", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ least: 60 });
  const order: string[] = [];
  const waits = (name: string, least: number) =>
    pool.join({ admit: "wait", least }).then((cache) => {
      order.push(name);
      return cache;
    });
  const [b, c] = [waits("b", 50), waits("c", 5)];
  await Promise.resolve();
  assertEquals(pool.stats().waiting, 2);
  assertEquals(order, [], "a smaller one does not overtake");
  pool.leave(first);
  const caches = await Promise.all([b, c]);
  assertEquals(order, ["b", "c"]);
  assertEquals(slotsOf(caches), [58, 38]);
  assertEquals(pool.stats().waiting, 0);
  const last = await pool.join({ admit: "wait" });
  assertEquals(slotsOf([...caches, last]), [58, 19, 19]);
});

Deno.test("KVPool.join() that waits can be aborted", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ least: 60 });
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const large = pool.join({ admit: "wait", least: 50, signal });
  const small = pool.join({ admit: "wait", least: 5 });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => large), reason);
  assertEquals((await small).slots, 28, "who stood behind it is let in");
  const late = pool.join({ admit: "wait", signal });
  assertStrictEquals(await assertRejects(() => late), reason);
  assertEquals(first.slots, 68);
});

Deno.test("KVPool.join() does not wait for what can never be", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  await assertRejects(
    () => pool.join({ admit: "wait", least: 89 }),
    RangeError,
    "Cannot admit a sequence",
  );
});

Deno.test("KVPool.dispose() turns away those who wait and frees everything", async () => {
  using backend = await openBackend();
  const { used } = backend.memory();
  const pool = poolOf(backend);
  const first = pool.join({ least: 80 });
  const waiting = pool.join({ admit: "wait", least: 20 });
  const refused = assertRejects(() => waiting, TypeError, "disposed of");
  pool.dispose();
  pool.dispose();
  await refused;
  assertThrows(() => first.room(), TypeError, "disposed of");
  assertThrows(() => pool.join(), TypeError, "disposed of");
  assertEquals(backend.memory().used, used);
});

Deno.test("KVPool.leave() lets the others grow", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const caches = [pool.join(), pool.join({ weight: 2 }), pool.join()];
  assertEquals(slotsOf(caches), [24, 48, 24]);
  for (const cache of caches) await feed(backend, cache, cache.room());
  const [first, second, third] = caches;
  const held = await third.positions(1, 1);
  pool.leave(second);
  assertEquals(slotsOf([first, third]), [48, 48]);
  assertEquals(await third.positions(1, 1), held);
  third.dispose();
  assertEquals(first.slots, 96);
  assertThrows(() => pool.leave(third), TypeError, "not in it");
});

Deno.test("KVPool takes no more memory however many come and go", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using pool = poolOf(backend);
  const { used } = backend.memory();
  const queryBytes = 2 * (4 + 7) * 4 * 12 * 4;
  let reserved = 0;
  for (let round = 0; round < 40; round++) {
    const caches = [pool.join(), pool.join(), pool.join()];
    for (const cache of caches) await feed(backend, cache, cache.room());
    const held = backend.memory().used;
    for (let i = 0; i < 12; i++) await feed(backend, caches[i % 3]);
    assertEquals(backend.memory().used, held);
    assertEquals(held - used, 3 * queryBytes, "beside the arena: the queries");
    for (const cache of caches) cache.dispose();
    assertEquals(backend.memory().used, used);
    reserved ||= backend.memory().reserved;
    assertEquals(backend.memory().reserved, reserved);
  }
});

Deno.test("KVPool refuses budgets that are too small or none", async () => {
  using backend = await openBackend();
  const refuses = (
    budget: KVPoolOptions["budget"],
    type: new () => Error,
    message: string,
  ) => assertThrows(() => poolOf(backend, { budget }), type, message);
  refuses({ tokens: 12 }, RangeError, "at least 13 tokens is needed");
  refuses({ bytes: 100 }, RangeError, "bytes is needed");
  refuses({ tokens: NaN }, TypeError, "finite { bytes } or { tokens }");
  using pool = poolOf(backend, { budget: { bytes: 20_000 } });
  const { budgetBytes } = pool.stats();
  assert(budgetBytes <= 20_000 && budgetBytes > 19_000);
});

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
