import { assertEquals, assertLess, assertThrows } from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import type { RotaryEmbedding } from "../../cache/options.ts";
import { gkv, keydiff, streaming } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import type { Scorer } from "../../cache/scorer.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { filled, normal, relativeError } from "../kernels/numbers.ts";
import { dot, softmax } from "./simulation.ts";

const headDim = 16;
const frequencies = Array.from({ length: 8 }, (_, i) => 10 ** (-i / 2));

const vector = (seed: number) =>
  Float64Array.from({ length: headDim }, (_, c) => normal(seed, c));

/** Rotary embedding at a position, as its paper has it. */
function turned(
  x: Float64Array,
  position: number,
  pairing: RotaryEmbedding["pairing"],
): Float64Array {
  const out = x.slice();
  frequencies.forEach((frequency, i) => {
    const [a, b] = pairing === "adjacent" ? [2 * i, 2 * i + 1] : [i, i + 8];
    const angle = position * frequency;
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    [out[a], out[b]] = [x[a] * cos - x[b] * sin, x[a] * sin + x[b] * cos];
  });
  return out;
}

/** Attention of a query over plain keys, each turned to its rank. */
function attended(
  seed: number,
  positions: ArrayLike<number>,
  pairing: RotaryEmbedding["pairing"],
): number[] {
  const ranks = Array.from(positions, (position, rank) => ({
    key: turned(vector(3 * position + 1), rank, pairing),
    value: vector(3 * position + 2),
  }));
  const query = turned(vector(3 * seed), positions.length - 1, pairing);
  const weights = softmax(ranks.map(({ key }) => dot(query, key) / 4));
  return Array.from(
    query,
    (_, c) => dot(weights, ranks.map(({ value }) => value[c])),
  );
}

async function feed(
  backend: Backend,
  cache: KVCache,
  pairing: RotaryEmbedding["pairing"],
): Promise<Float32Array> {
  const { seen, position } = cache;
  const [q, k, v] = [0, 1, 2].map((kind) => {
    const plain = vector(3 * seen + kind);
    const x = kind < 2 ? turned(plain, position, pairing) : plain;
    return filled(backend, [1, 1, headDim], x);
  });
  const out = backend.tensor([1, 1, headDim]);
  cache.append(0, k, v);
  cache.attend(0, q, out);
  const result = await backend.read(out) as Float32Array;
  for (const tensor of [q, k, v, out]) backend.free(tensor);
  return result;
}

const sizes = { layers: 1, queryHeads: 1, kvHeads: 1, headDim };
const methods: Policy[] = [
  { ...streaming(), interval: 5 },
  { ...keydiff(), window: 3, interval: 5 },
  { ...gkv(), window: 3, interval: 5 },
];

for (const backendName of ["reference", "wasm"] as const) {
  for (const pairing of ["adjacent", "halves"] as const) {
    Deno.test(`KVCache with reposition attends as over keys turned to their ranks: ${backendName}, ${pairing}`, async () => {
      using backend = await openBackend({ backend: backendName });
      for (const policy of methods) {
        using cache = new KVCache(backend, {
          ...sizes,
          dtype: "f32",
          budget: { tokens: 12 },
          policy,
          reposition: { frequencies, pairing },
        });
        let held: number[] = [];
        for (let seen = 0; seen < 60; seen++) {
          assertEquals(cache.position, held.length);
          const found = await feed(backend, cache, pairing);
          const expected = attended(seen, [...held, seen], pairing);
          assertLess(relativeError(found, expected), 2e-5, policy.name);
          held = [...await cache.positions(0, 0)];
        }
        assertEquals(held.length < 17, true);
      }
    });
  }
}

/** The attention of a window of queries, all turned to their ranks. */
function scored(older: Int32Array, seen: number, window: number): number[] {
  const newest = Array.from({ length: window }, (_, i) => seen - window + i);
  const keys = [...older, ...newest].map((position, rank) =>
    turned(vector(3 * position + 1), rank, "halves")
  );
  const weights = newest.map((position, i) => {
    const rank = older.length + i;
    const query = turned(vector(3 * position), rank, "halves");
    const seenKeys = keys.slice(0, rank + 1);
    return softmax(seenKeys.map((key) => dot(query, key) / 4));
  });
  return Array.from(
    older,
    (_, rank) => weights.reduce((sum, row) => sum + row[rank] / window, 0),
  );
}

Deno.test("KVCache with reposition scores by queries from before the last eviction", async () => {
  using backend = await openBackend({ backend: "reference" });
  const [window, interval] = [6, 3];
  let calls = 0;
  const score: Scorer = ({ attention, positions, seen }) => {
    calls++;
    const expected = scored(positions, seen, window);
    assertLess(relativeError(attention, expected), 2e-5);
    return attention;
  };
  using cache = new KVCache(backend, {
    ...sizes,
    dtype: "f32",
    budget: { tokens: 12 },
    policy: { name: "own", score, window, interval },
    reposition: { frequencies, pairing: "halves" },
  });
  while (cache.seen < 40) await feed(backend, cache, "halves");
  assertEquals(calls, 9);
});

Deno.test("KVCache refuses to reposition with another embedding's frequencies", async () => {
  using backend = await openBackend({ backend: "reference" });
  const reposition = { frequencies: [1, 2], pairing: "halves" } as const;
  const budget = { tokens: 32 };
  assertThrows(
    () => new KVCache(backend, { ...sizes, budget, reposition }),
    TypeError,
    "8 are needed",
  );
});
