import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import type { KVCache } from "../../cache/cache.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { feed } from "./feed.ts";
import { cacheOf, lengthOf, type Run, runs } from "./runs.ts";

/** Always the same runs: a test that fails by chance teaches nothing. */
const settings = { seed: 4, numRuns: 150 };

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
