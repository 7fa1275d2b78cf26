import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import { methods } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend, CacheType } from "../../kernels/ops.ts";
import { boundaryAt, feed } from "./feed.ts";

/** Always the same runs: a test that fails by chance teaches nothing. */
const settings = { seed: 4, numRuns: 150 };

const types: CacheType[] = ["f32", "f16", "int8"];

const shapes = fc.record({
  layers: fc.integer({ min: 1, max: 2 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(4, 12, 16, 32),
});

const runs = fc.record({
  shape: shapes,
  method: fc.constantFrom(...Object.keys(methods)),
  dtype: fc.constantFrom(...types),
  window: fc.integer({ min: 1, max: 9 }),
  interval: fc.integer({ min: 1, max: 20 }),
  /** Of the budget, beyond the least that works. */
  spare: fc.integer({ min: 0, max: 30 }),
  protectPrompt: fc.boolean(),
  newline: fc.boolean(),
  blocks: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  reposition: fc.boolean(),
  /** Prompts and how much is generated after each. */
  turns: fc.array(
    fc.record({
      prompt: fc.integer({ min: 0, max: 90 }),
      generated: fc.integer({ min: 0, max: 30 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

type Run = typeof runs extends fc.Arbitrary<infer T> ? T : never;

/** Tokens of the whole text. */
function lengthOf({ turns }: Run): number {
  return turns.reduce((sum, t) => sum + t.prompt + t.generated, 0);
}

function policyOf(run: Run): Policy {
  const policy = methods[run.method].policy();
  if (policy.score === "none") return policy;
  return {
    ...policy,
    window: run.window,
    interval: run.interval,
    ...(run.newline && { at: "newline" }),
    ...(run.blocks && { quota: { blocks: run.blocks, share: 0.5 } }),
  };
}

function cacheOf(backend: Backend, run: Run): KVCache {
  const { group, ...shape } = run.shape;
  const policy = policyOf(run);
  const least = policy.window + Math.max(1, policy.sinks ?? 0);
  return new KVCache(backend, {
    ...shape,
    queryHeads: group * shape.kvHeads,
    budget: {
      tokens: policy.score === "none" ? lengthOf(run) + 2 : least + run.spare,
    },
    policy,
    dtype: run.dtype,
    protectPrompt: run.protectPrompt,
    boundaryAt,
    reposition: run.reposition
      ? {
        frequencies: new Float32Array(shape.headDim / 2).fill(0.1),
        pairing: "halves",
      }
      : undefined,
  });
}

/** What must be so after every call. */
async function check(cache: KVCache): Promise<void> {
  const { layers, kvHeads } = cache.shape;
  const { bytes, budgetBytes, cached, seen } = cache.stats();
  assert(bytes <= budgetBytes, "never more bytes than the budget's");
  for (let layer = 0; layer < layers; layer++) {
    for (let head = 0; head < kvHeads; head++) {
      const positions = await cache.positions(layer, head);
      assertEquals(positions.length, cached);
      assert(
        positions.every((p, i) => i === 0 || p > positions[i - 1]),
        "strictly increasing",
      );
      assert(cached === 0 || positions[0] >= 0);
      const window = Math.min(cache.policy.window, seen);
      assertEquals(
        [...positions.slice(cached - window)],
        Array.from({ length: window }, (_, i) => seen - window + i),
        "the window stays",
      );
    }
  }
}

async function prefill(
  backend: Backend,
  cache: KVCache,
  prompt: number,
): Promise<void> {
  for (let left = prompt; left > 0;) {
    const n = Math.min(left, cache.room());
    assert(n > 0, "there is room after every chunk");
    left -= n;
    await feed(backend, cache, n, left > 0 ? "prompt" : "promptEnd");
    await check(cache);
  }
}

async function holds(backend: Backend, run: Run): Promise<void> {
  const { used } = backend.memory();
  {
    using cache = cacheOf(backend, run);
    const allocated = backend.memory().used;
    for (const { prompt, generated } of run.turns) {
      await prefill(backend, cache, prompt);
      for (let i = 0; i < generated; i++) {
        await feed(backend, cache);
        await check(cache);
        if (cache.policy.score === "none") continue;
        assert(cache.stats().cached < cache.tokens + cache.policy.interval);
      }
    }
    assertEquals(cache.seen, lengthOf(run));
    assertEquals(backend.memory().used, allocated, "allocated once");
  }
  assertEquals(backend.memory().used, used);
}

Deno.test("KVCache keeps its budget, window and order whatever it is made for", async () => {
  using backend = await openBackend({ backend: "wasm" });
  await fc.assert(
    fc.asyncProperty(runs, (run) => holds(backend, run)),
    settings,
  );
});
