import { assertEquals } from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import { cake, gkv, h2o, streaming } from "../../cache/policies/mod.ts";
import { KVPool } from "../../cache/pool.ts";
import { places } from "../kernels/places.ts";

// Sizes of which every tensor is a multiple of 64 bytes: WebAssembly rounds up.
const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 32 };
const budget = { tokens: 160 };

const embedding = {
  frequencies: Array.from({ length: 16 }, (_, i) => 2 ** -i),
  pairing: "halves" as const,
};

/** All that makes a difference to what is allocated. */
const cases = [gkv, cake, h2o, streaming].flatMap((method) =>
  (["f32", "f16", "int8"] as const).flatMap((dtype) =>
    [undefined, embedding].map((reposition) => ({
      policy: { ...method(), interval: 16 },
      dtype,
      reposition,
    }))
  )
);

for (const backend of places) {
  Deno.test(`KVCache.stats() counts what the cache allocates on ${backend.name}`, () => {
    for (const options of cases) {
      const { used } = backend.memory();
      using cache = new KVCache(backend, { ...shape, ...options, budget });
      const { budgetBytes, scratchBytes } = cache.stats();
      const allocated = backend.memory().used - used;
      assertEquals(budgetBytes + scratchBytes, allocated, options.policy.name);
    }
  });

  Deno.test(`KVPool.stats() counts what all caches allocate on ${backend.name}`, () => {
    for (const { reposition, ...options } of cases) {
      const { used } = backend.memory();
      using pool = new KVPool(backend, { ...shape, ...options, budget });
      for (let joined = 0; joined < 3; joined++) {
        const { budgetBytes, scratchBytes } = pool.stats();
        const allocated = backend.memory().used - used;
        assertEquals(
          budgetBytes + scratchBytes,
          allocated,
          options.policy.name,
        );
        pool.join({ reposition });
      }
    }
  });
}
