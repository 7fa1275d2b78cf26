import {
  assert,
  assertEquals,
  assertLess,
  assertNotEquals,
  assertThrows,
} from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import type { KVCacheOptions } from "../../cache/options.ts";
import {
  full,
  gkv,
  policies,
  snapkv,
  streaming,
} from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { filled, noise, relativeError } from "../kernels/numbers.ts";
import { boundaryAt, feed } from "./feed.ts";

const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 16 };

/** The method with intervals short enough for a test. */
function quick(policy: Policy): Policy {
  return { ...policy, window: Math.min(policy.window, 4), interval: 8 };
}

function cacheOf(
  backend: Backend,
  options: Partial<KVCacheOptions> = {},
): KVCache {
  return new KVCache(backend, {
    ...shape,
    budget: { tokens: 16 },
    policy: quick(gkv()),
    boundaryAt,
    ...options,
  });
}

for (const [name, policy] of Object.entries(policies)) {
  if (name === "full") continue;
  Deno.test(`KVCache with ${name} never exceeds its bytes and keeps the window`, async () => {
    using backend = await openBackend();
    using cache = cacheOf(backend, { policy: quick(policy()) });
    const { used } = backend.memory();
    await feed(backend, cache, 20);
    for (let token = 20; token < 120; token++) {
      await feed(backend, cache);
      const stats = cache.stats();
      assert(stats.bytes <= stats.budgetBytes);
      assert(stats.cached <= 16 + 8);
      const held = await cache.positions(1, token % 2);
      assertEquals(held.length, stats.cached);
      assertEquals([...new Set(held)], [...held], "unique and ascending");
      assertEquals(held.at(-1), token);
      const { window } = cache.policy;
      const newest = Array.from({ length: window }, (_, i) => token - i);
      assertEquals([...held.slice(-window)].reverse(), newest);
    }
    assertEquals(cache.stats().evictions, 1 + Math.floor(100 / 8));
    assertEquals(backend.memory().used, used, "memory is allocated once");
  });
}

Deno.test("KVCache attends to everything until the budget is used up", async () => {
  using backend = await openBackend();
  using bounded = cacheOf(backend, { budget: { tokens: 64 } });
  using whole = cacheOf(backend, { budget: { tokens: 64 }, policy: full() });
  await feed(backend, bounded, 30);
  await feed(backend, whole, 30);
  for (let token = 30; token < 64; token++) {
    assertEquals(await feed(backend, bounded), await feed(backend, whole));
  }
});

Deno.test("KVCache takes a prompt beyond its budget in chunks", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend);
  for (let left = 100; left > 0;) {
    const n = Math.min(left, cache.room());
    left -= n;
    await feed(backend, cache, n, left ? "prompt" : "promptEnd");
    assert(cache.stats().bytes <= cache.stats().budgetBytes);
  }
  assertEquals(cache.stats().seen, 100);
  assertEquals(cache.stats().cached, 16);
  assertEquals((await cache.positions(0, 0)).at(-1), 99);
});

Deno.test("KVCache with streaming keeps the sinks and the newest", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, { policy: streaming({ interval: 8 }) });
  await feed(backend, cache, 50 - 34);
  for (let token = 16; token < 48; token++) await feed(backend, cache);
  const newest = Array.from({ length: 12 }, (_, i) => 36 + i);
  assertEquals([...await cache.positions(1, 1)], [0, 1, 2, 3, ...newest]);
});

Deno.test("KVCache with protectPrompt never evicts the first prompt", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, { protectPrompt: true });
  await feed(backend, cache, 6);
  for (let token = 6; token < 60; token++) await feed(backend, cache);
  const held = await cache.positions(0, 1);
  assertEquals([...held.slice(0, 6)], [0, 1, 2, 3, 4, 5]);
});

Deno.test("KVCache protects no more of a prompt than its share", async () => {
  using backend = await openBackend();
  const protectShare = 0.25;
  using cache = cacheOf(backend, { protectPrompt: true, protectShare });
  await feed(backend, cache, 20);
  for (let token = 20; token < 90; token++) await feed(backend, cache);
  const held = await cache.positions(0, 1);
  assertEquals([...held.slice(0, 4)], [0, 1, 2, 3]);
  assertNotEquals(
    [...held.slice(0, 12)],
    Array.from({ length: 12 }, (_, i) => i),
  );
});

Deno.test("KVCache.evictions() records what every eviction kept", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend, { record: true });
  await feed(backend, cache, 20);
  for (let token = 20; token < 36; token++) await feed(backend, cache);
  const records = await cache.evictions();
  assertEquals(records.map(({ seen }) => seen), [20, 20, 28, 28, 36, 36]);
  assertEquals(records.map(({ layer }) => layer), [0, 1, 0, 1, 0, 1]);
  const last = records[5].positions;
  assertEquals(last, [
    await cache.positions(1, 0),
    await cache.positions(1, 1),
  ]);
  assertEquals(records[5].select[0].length, 24 - 4);
  assertEquals(records[5].history[0].length, 16 - 4);
});

Deno.test("KVCache.reset() starts over without new memory", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend);
  const run = async () => {
    await feed(backend, cache, 20);
    for (let token = 20; token < 50; token++) await feed(backend, cache);
    return await feed(backend, cache);
  };
  const first = await run();
  const { used } = backend.memory();
  cache.reset();
  assertEquals(cache.stats().seen, 0);
  assertEquals(await run(), first);
  assertEquals(backend.memory().used, used);
});

Deno.test("KVCache.dispose() frees everything and ends its use", async () => {
  using backend = await openBackend();
  for (let round = 0; round < 3; round++) {
    const cache = cacheOf(backend, { record: true });
    await feed(backend, cache, 20);
    cache.dispose();
    cache.dispose();
    assertThrows(() => cache.stats(), TypeError, "disposed");
    assertEquals(backend.memory().used, 0);
  }
});

Deno.test("KVCache refuses NaN and infinity and stays as it was", async () => {
  for (const backendName of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: backendName });
    using cache = cacheOf(backend, { layers: 1 });
    await feed(backend, cache, 20);
    const before = [cache.stats(), await cache.positions(0, 0)];
    const good = noise(backend, [1, 2, 16], 1);
    for (const value of [NaN, Infinity]) {
      const bad = filled(backend, [1, 2, 16], new Float32Array(32).fill(value));
      assertThrows(
        () => cache.append(0, bad, good),
        RangeError,
        "k of layer 0",
      );
      assertThrows(
        () => cache.append(0, good, bad),
        RangeError,
        "v of layer 0",
      );
      assertEquals([cache.stats(), await cache.positions(0, 0)], before);
    }
    const out = backend.tensor([1, 4, 16]);
    const bad = filled(backend, [1, 4, 16], new Float32Array(64).fill(NaN));
    cache.append(0, good, good);
    const appended = cache.stats();
    assertThrows(() => cache.attend(0, bad, out), RangeError, "q of layer 0");
    assertEquals(cache.stats(), appended);
    cache.attend(0, noise(backend, [1, 4, 16], 2), out);
  }
});

Deno.test("KVCache refuses shapes, layers and heads that are not its own", async () => {
  using backend = await openBackend();
  using cache = cacheOf(backend);
  const [k, wrong] = [[3, 2, 16], [3, 4, 16]].map((s) => noise(backend, s, 1));
  assertThrows(
    () => cache.append(0, wrong, k),
    TypeError,
    "[3 or more, 2, 16]",
  );
  assertThrows(() => cache.append(0, k, wrong), TypeError, "append v");
  assertThrows(() => cache.append(0, k, k, 4), TypeError, "for 4 tokens");
  assertThrows(() => cache.append(0, k, k, 0), TypeError, "for 0 tokens");
  assertThrows(() => cache.append(2, k, k), RangeError, "layers 0 to 1");
  assertThrows(
    () => cache.attend(0, wrong, wrong),
    TypeError,
    "0 tokens were appended",
  );
  await assertRejectsRange(() => cache.positions(0, 2));
});

async function assertRejectsRange(call: () => Promise<unknown>): Promise<void> {
  let caught: unknown;
  await call().catch((error) => caught = error);
  assert(caught instanceof RangeError);
}

Deno.test("KVCache without room says what is needed", async () => {
  using backend = await openBackend();
  const k = noise(backend, [30, 2, 16], 1);
  using cache = cacheOf(backend);
  assertThrows(() => cache.append(0, k, k), RangeError, "at most 24");
  using whole = cacheOf(backend, { policy: full() });
  assertThrows(
    () => whole.append(0, k, k),
    RangeError,
    "a budget of 30 tokens is needed",
  );
  assertEquals(whole.stats().seen, 0);
});

Deno.test("KVCache refuses sizes and policies that make no sense", async () => {
  using backend = await openBackend();
  const cases: [Partial<KVCacheOptions>, string][] = [
    [{ layers: 0 }, "layers 0"],
    [{ headDim: 18 }, "multiple of 4"],
    [{ queryHeads: 3 }, "one of kvHeads"],
    [{ policy: gkv({ window: 0 }) }, "window is 0"],
    [{ policy: gkv({ decay: 2 }) }, "decay is 2"],
    [{ policy: gkv({ mix: NaN }) }, "mix is NaN"],
    [{ policy: snapkv({ pool: 4 }) }, "pool is 4"],
    [{ protectPrompt: true, protectShare: 2 }, "share of 2"],
  ];
  for (const [options, message] of cases) {
    assertThrows(() => cacheOf(backend, options), RangeError, message);
  }
  assertEquals(backend.memory().used, 0);
});

Deno.test("KVCache attends alike on wasm and on the reference after evictions", async () => {
  const results = [];
  for (const backendName of ["reference", "wasm"] as const) {
    using backend = await openBackend({ backend: backendName });
    using cache = cacheOf(backend);
    await feed(backend, cache, 20);
    for (let token = 20; token < 70; token++) await feed(backend, cache);
    results.push(await feed(backend, cache));
  }
  assertLess(relativeError(results[1], results[0]), 1e-4);
});

Deno.test("KVCache gives everything back when memory runs out on the way", async () => {
  using backend = await openBackend();
  let left = 7;
  const short = new Proxy(backend, {
    get: (target, name) => {
      if (name === "tensor" && left-- === 0) throw new RangeError("no memory");
      const member = target[name as keyof Backend];
      return typeof member === "function"
        ? member.bind(target as never)
        : member;
    },
  });
  assertThrows(() => cacheOf(short), RangeError, "no memory");
  assertEquals(backend.memory().used, 0);
});

/** The backend with another limit. */
function limit(backend: Backend, maxTensorBytes: number): Backend {
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === "maxTensorBytes") return maxTensorBytes;
      const member = target[name as keyof Backend];
      return typeof member === "function"
        ? member.bind(target as never)
        : member;
    },
  });
}

Deno.test("KVCache splits its heads where tensors must be small", async () => {
  const results = [];
  for (const maxTensorBytes of [Infinity, 2 * 24 * 16 * 4, 24 * 16 * 4]) {
    using backend = await openBackend({ backend: "wasm" });
    const limited = limit(backend, maxTensorBytes);
    const heads = { queryHeads: 8, kvHeads: 4, record: true };
    using cache = cacheOf(limited, heads);
    await feed(limited, cache, 20);
    for (let token = 20; token < 60; token++) await feed(limited, cache);
    const held = await cache.positions(1, 3);
    const records = await cache.evictions();
    results.push([
      await feed(limited, cache),
      held,
      records,
      cache.stats().bytes,
    ]);
  }
  assertEquals(results[1], results[0]);
  assertEquals(results[2], results[0]);
});

Deno.test("KVCache stays as it was when one group of heads is refused", async () => {
  const results = [];
  for (const value of [undefined, NaN]) {
    using backend = await openBackend({ backend: "wasm" });
    const limited = limit(backend, 24 * 16 * 4);
    using cache = cacheOf(limited, { layers: 1 });
    await feed(limited, cache, 20);
    if (value !== undefined) {
      const data = new Float32Array(32).fill(value, 31);
      const bad = filled(limited, [1, 2, 16], data);
      assertThrows(() => cache.append(0, bad, bad), RangeError, "k of layer 0");
    }
    const next = await feed(limited, cache);
    results.push([next, cache.stats(), await cache.positions(0, 0)]);
  }
  assertEquals(results[1], results[0]);
});

Deno.test("KVCache says when not even one head fits a tensor", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const limited = Object.create(backend, { maxTensorBytes: { value: 1000 } });
  const options = { dtype: "f32" } as const;
  assertThrows(
    () => cacheOf(limited, options),
    RangeError,
    "largest tensor has 1000",
  );
});
