import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import type { KVCacheOptions } from "../../cache/options.ts";
import {
  gkv,
  h2o,
  keydiff,
  methods,
  random,
  rkv,
  sepllm,
  streaming,
  tova,
} from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import type { Scorer } from "../../cache/scorer.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { boundaryAt, feed } from "./feed.ts";
import { dot, simulate, type Simulation } from "./simulation.ts";

const shape = { layers: 1, queryHeads: 4, kvHeads: 2, headDim: 16 };
const extent = { tokens: 16, window: 4, interval: 8 };
const length = { prompt: 24, generated: 53 };

function cacheOf(
  backend: Backend,
  policy: Policy,
  options: Partial<KVCacheOptions> = {},
): KVCache {
  const { window, interval, tokens } = extent;
  const most = Math.min(policy.window, window);
  return new KVCache(backend, {
    ...shape,
    dtype: "f32",
    budget: { tokens: policy.score === "none" ? 100 : tokens },
    policy: { ...policy, window: most, interval },
    boundaryAt,
    ...options,
  });
}

/** Positions of every head after the prompt and the generated tokens. */
async function held(backend: Backend, cache: KVCache): Promise<number[][]> {
  await feed(backend, cache, length.prompt);
  for (let i = 0; i < length.generated; i++) await feed(backend, cache);
  return await positionsOf(cache);
}

async function positionsOf(cache: KVCache): Promise<number[][]> {
  const heads = [0, 1].map((head) => cache.positions(0, head));
  return (await Promise.all(heads)).map((positions) => [...positions]);
}

async function heldBy(
  policy: Policy,
  options: Partial<KVCacheOptions> = {},
): Promise<number[][]> {
  using backend = await openBackend({ backend: "reference" });
  using cache = cacheOf(backend, policy, options);
  return await held(backend, cache);
}

const norm = (x: Float64Array) => Math.sqrt(dot(x, x));

const simulations: [Policy, Simulation["score"]][] = [
  [h2o(), (tokens) => tokens.map(({ total }) => total)],
  [tova(), (tokens) => tokens.map(({ last }) => last)],
  [keydiff(), (tokens) => {
    const mean = tokens[0].key.map((_, c) =>
      tokens.reduce((sum, { key }) => sum + key[c] / norm(key), 0)
    );
    return tokens.map(({ key }) => -dot(key, mean) / norm(key));
  }],
];

for (const [policy, score] of simulations) {
  Deno.test(`KVCache with ${policy.name} keeps what its paper's formula says`, async () => {
    const window = Math.min(policy.window, extent.window);
    const expected = simulate({ shape, ...extent, ...length, window, score });
    assertEquals(await heldBy(policy), expected);
  });
}

const variants: [string, Policy][] = [
  ...Object.entries(methods).map(([name, { policy }]): [string, Policy] => [
    name,
    policy(),
  ]),
  ["gkv by keydiff", gkv({ redundancy: "keydiff" })],
  ["rkv by keydiff", rkv({ redundancy: "keydiff" })],
  ["gkv at newlines", { ...gkv(), at: "newline" }],
  ["gkv with a quota", { ...gkv(), quota: { blocks: 3, share: 0.5 } }],
];

for (const [name, policy] of variants) {
  Deno.test(`KVCache with ${name} evicts alike on wasm and on the reference`, async () => {
    using backend = await openBackend({ backend: "wasm" });
    using cache = cacheOf(backend, policy);
    assertEquals(await held(backend, cache), await heldBy(policy));
  });
}

Deno.test("methods are named as their policies, and in the README with paper", async () => {
  const readme = await Deno.readTextFile(
    new URL("../../README.md", import.meta.url),
  );
  const rows = readme.replaceAll(/ +/g, " ");
  for (const [name, { policy, keeps, paper }] of Object.entries(methods)) {
    assertEquals(policy().name, name);
    const from = paper ? `[${paper}](https://arxiv.org/abs/${paper})` : "";
    const row = `| \`${name}\` | ${keeps} | ${from} |`.replaceAll("  ", " ");
    assertStringIncludes(rows, row);
  }
});

Deno.test("KVCache with random is the same for a seed, and uneven by head", async () => {
  const first = await heldBy(random({ seed: 7 }));
  assertEquals(await heldBy(random({ seed: 7 })), first);
  assertNotEquals(await heldBy(random({ seed: 8 })), first);
  assertNotEquals(first[0], first[1]);
});

Deno.test("KVCache with sepllm keeps sinks, the newest separators and the window", async () => {
  const total = length.prompt + length.generated;
  // Since the last eviction nothing was lost.
  const evicted = length.prompt +
    Math.floor(length.generated / extent.interval) * extent.interval;
  const older = Array.from({ length: evicted - 4 }, (_, i) => i);
  const separators = older.filter((i) => i >= 4 && boundaryAt(i)).slice(-8);
  const expected = [
    ...older.slice(0, 4),
    ...separators,
    ...Array.from({ length: total - evicted + 4 }, (_, i) => evicted - 4 + i),
  ];
  assertEquals(await heldBy(sepllm()), [expected, expected]);
});

Deno.test("KVCache refuses sepllm without boundaryAt", async () => {
  using backend = await openBackend({ backend: "reference" });
  assertThrows(
    () =>
      new KVCache(backend, {
        ...shape,
        budget: { tokens: 32 },
        policy: sepllm(),
      }),
    TypeError,
    "boundaryAt is needed",
  );
  assertEquals(backend.memory().used, 0);
});

const own = (score: Scorer): Policy => ({ ...keydiff(), name: "own", score });

Deno.test("KVCache with a scorer keeps the tokens that it likes", async () => {
  const even = own(({ positions }) =>
    Float32Array.from(positions, (position) => position % 2 ? 0 : 1)
  );
  for (const head of await heldBy(even)) {
    // 12 were selected, the others are the window's and newer.
    assertEquals(head.slice(0, 12).filter((position) => position % 2), []);
  }
});

Deno.test("KVCache with a scorer gives it what methods score by", async () => {
  const attention = { ...gkv(), name: "plain", window: 4, interval: 8 };
  const { history: _, redundancy: __, ...plain } = attention;
  assertEquals(
    await heldBy(own((context) => context.attention)),
    await heldBy(plain),
  );
  assertEquals(
    await heldBy(own(({ similarity }) => similarity.map((x) => -x))),
    await heldBy(keydiff()),
  );
});

Deno.test("KVCache refuses scores that are none", async () => {
  using backend = await openBackend({ backend: "reference" });
  for (
    const [scores, error, message] of [
      [new Float32Array(3), TypeError, "its scorer gave 3"],
      [new Float32Array(32).fill(NaN), RangeError, "NaN or infinity"],
    ] as const
  ) {
    using cache = cacheOf(backend, own(() => scores));
    await feed(backend, cache, 20, "prompt");
    assertThrows(() => cache.evict(), error, message);
    assertEquals(cache.stats().cached, 20);
  }
});

Deno.test("KVCache evicts at newlines, and after the interval at the latest", async () => {
  using backend = await openBackend({ backend: "reference" });
  const policy: Policy = { ...keydiff(), window: 4, at: "newline" };
  for (
    const [interval, expected] of [
      [100, [22, 33, 44, 55]],
      [4, [18, 22, 26, 30, 33, 37, 41, 44, 48, 52, 55, 59]],
    ] as const
  ) {
    using cache = cacheOf(backend, policy, {
      policy: { ...policy, interval },
      record: true,
    });
    await feed(backend, cache, 10);
    let free = 0;
    while (cache.seen < 60) {
      const { evictions } = cache.stats();
      free = Math.max(free - 1, cache.stepsToEviction());
      await feed(backend, cache);
      assert(free === 0 || cache.stats().evictions === evictions);
    }
    const records = await cache.evictions();
    assertEquals(records.map(({ seen }) => seen), [...expected]);
  }
});

Deno.test("KVCache with a quota keeps some of every block", async () => {
  using backend = await openBackend({ backend: "reference" });
  const quota = { blocks: 4, share: 1 };
  const policy = { ...streaming({ sinks: 0 }), window: 4, quota };
  using cache = cacheOf(backend, policy, { slots: 64 });
  await feed(backend, cache, 40);
  const expected = [7, 8, 9, 17, 18, 19, 27, 28, 29, 33, 34, 35];
  const window = [36, 37, 38, 39];
  assertEquals((await positionsOf(cache))[0], [...expected, ...window]);
});
