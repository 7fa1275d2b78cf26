import { assert, assertEquals, assertThrows } from "@std/assert";
import type { KVCache } from "../../cache/cache.ts";
import { full, gkv, h2o } from "../../cache/policies/mod.ts";
import type { JoinOptions, KVPoolOptions } from "../../cache/pool.ts";
import type { Backend } from "../../kernels/backend.ts";
import { openBackend } from "../../kernels/open.ts";
import { feed } from "./feed.ts";
import { check, poolOf, quick, shape, slotsOf } from "./pools.ts";

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
