import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { KVCache } from "../../../cache/cache.ts";
import type { Phase } from "../../../cache/options.ts";
import { cake, gkv, h2o } from "../../../cache/policies/mod.ts";
import { KVPool } from "../../../cache/pool.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { openBackend } from "../../../kernels/open.ts";
import { places } from "../../kernels/places.ts";
import { boundaryAt, feed } from "../feed.ts";
import { cacheOf, lengthOf, type Run, runs } from "../runs.ts";
import { shape, small } from "./fixtures.ts";

/** Calls of `attend` that a run makes, each of one token or a prompt's chunk. */
function* stepsOf({ turns }: Run, cache: KVCache): Iterable<[number, Phase]> {
  for (const { prompt, generated } of turns) {
    for (let left = prompt; left > 0;) {
      const n = Math.min(left, cache.room());
      left -= n;
      yield [n, left > 0 ? "prompt" : "promptEnd"];
    }
    for (let i = 0; i < generated; i++) yield [1, "decode"];
  }
}

/** What a cache gives for a step, and what shows of it then. */
async function after(
  backend: Backend,
  cache: KVCache,
  [n, phase]: [number, Phase],
): Promise<unknown> {
  const out = await feed(backend, cache, n, phase);
  const stats = cache.stats();
  assert(stats.bytes <= stats.budgetBytes);
  return { out, stats, steps: cache.stepsToEviction() };
}

/** The cache restored from its bytes, and a fork of it. */
async function twins(backend: Backend, cache: KVCache): Promise<KVCache[]> {
  const bytes = await cache.save();
  const { policy } = cache;
  const options = { boundaryAt, policy };
  const both = [
    await KVCache.restore(backend, bytes, options),
    cache.fork(),
  ];
  for (const twin of both) assertEquals(await twin.save(), bytes);
  return both;
}

async function goesOnAlike(backend: Backend, run: Run, cut: number) {
  const { used } = backend.memory();
  {
    using cache = cacheOf(backend, run);
    using others = new DisposableStack();
    let copies: KVCache[] = [];
    for (const step of stepsOf(run, cache)) {
      if (copies.length === 0 && cache.seen >= cut * lengthOf(run)) {
        copies = await twins(backend, cache);
        for (const copy of copies) others.use(copy);
      }
      const expected = await after(backend, cache, step);
      for (const copy of copies) {
        assertEquals(await after(backend, copy, step), expected);
      }
    }
    const bytes = await cache.save();
    for (const copy of copies) assertEquals(await copy.save(), bytes);
  }
  assertEquals(backend.memory().used, used);
}

Deno.test("KVCache restored at any step evicts as the saved one", async () => {
  using backend = await openBackend({ backend: "wasm" });
  for (const method of [gkv, cake, h2o]) {
    const policy = method({ window: 4, interval: 7 });
    for (let cut = 0; cut < 9; cut++) {
      using cache = small(backend, { policy });
      await feed(backend, cache, 19);
      for (let i = 0; i < cut; i++) await feed(backend, cache);
      using stack = new DisposableStack();
      const copies = await twins(backend, cache);
      for (const copy of copies) stack.use(copy);
      for (let i = 0; i < 9; i++) {
        for (const each of [cache, ...copies]) await feed(backend, each);
      }
      const bytes = await cache.save();
      for (const copy of copies) assertEquals(await copy.save(), bytes);
    }
  }
});

const cuts = fc.double({ min: 0, max: 0.95, noNaN: true });

for (const backend of places) {
  // A software GPU compiles shaders for a second at each new shape.
  const numRuns = backend.name.startsWith("wasm") ? 100 : 3;
  Deno.test(`KVCache restored or forked goes on as if it had never stopped on ${backend.name}`, async () => {
    await fc.assert(
      fc.asyncProperty(runs, cuts, (...run) => goesOnAlike(backend, ...run)),
      { seed: 5, numRuns },
    );
  });
}

Deno.test("KVCache restored takes back what the saved one could", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend);
  for (const n of [9, 1, 1, 1, 1]) await feed(backend, cache, n);
  using restored = await KVCache.restore(backend, await cache.save());
  const outs = [];
  for (const each of [cache, restored]) {
    assertThrows(() => each.rollback(5), RangeError);
    each.rollback(3);
    for (let i = 0; i < 12; i++) outs.push(await feed(backend, each));
  }
  assertEquals(outs.slice(12), outs.slice(0, 12));
});

Deno.test("KVCache of a pool goes on alike on its own", async () => {
  for (const backend of places) {
    const policy = gkv({ window: 3, interval: 5 });
    const options = { ...shape, budget: { tokens: 48 }, policy };
    using pool = new KVPool(backend, options);
    using member = pool.join({ protectPrompt: true });
    await feed(backend, member, 30);
    using other = pool.join();
    await feed(backend, other, 10);
    await feed(backend, member);
    using stack = new DisposableStack();
    const copies = await twins(backend, member);
    for (const copy of copies) stack.use(copy);
    for (let i = 0; i < 14; i++) {
      const expected = await feed(backend, member);
      for (const copy of copies) {
        assertEquals(await feed(backend, copy), expected);
      }
    }
    assertEquals(pool.stats().sequences.length, 2);
  }
});
