import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { KVCache } from "../../../cache/cache.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { openBackend } from "../../../kernels/open.ts";
import type { CacheType } from "../../../kernels/tensors.ts";
import { places } from "../../kernels/places.ts";
import { feed } from "../feed.ts";
import { small } from "./fixtures.ts";

const types: readonly CacheType[] = ["f32", "f16", "int8"];

Deno.test("KVCache.save() gives the same bytes wherever the cache is", async () => {
  const [first] = places;
  using reference = await openBackend({ backend: "reference" });
  for (const dtype of types) {
    using cache = small(first, { dtype });
    for (const n of [15, 1, 1, 1]) await feed(first, cache, n);
    const bytes = await cache.save({ fingerprint: "a" });
    for (const backend of [...places, reference]) {
      using elsewhere = await KVCache.restore(backend, bytes);
      assertEquals(await elsewhere.save({ fingerprint: "a" }), bytes);
    }
  }
});

Deno.test("KVCache.save() of heads in several tensors gives the same bytes", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const narrow = new Proxy(backend, {
    get(target, name) {
      if (name === "maxTensorBytes") return 2200;
      const member = target[name as keyof Backend];
      return typeof member === "function" ? member.bind(target) : member;
    },
  });
  for (const dtype of types) {
    const all: Uint8Array[] = [];
    for (const place of [backend, narrow]) {
      const options = { headDim: 32, queryHeads: 4, kvHeads: 4, dtype };
      using cache = small(place, options);
      for (const n of [15, 1, 1, 1]) await feed(place, cache, n);
      all.push(await cache.save());
      using restored = await KVCache.restore(place, all[0]);
      all.push(await restored.save());
      using fork = cache.fork();
      all.push(await fork.save());
    }
    for (const bytes of all) assertEquals(bytes, all[0]);
  }
});

Deno.test("KVCache.fork() copies what is in use and shares nothing", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend, { budget: { tokens: 500 } });
  await feed(backend, cache, 9);
  const before = await cache.save();
  {
    using fork = cache.fork();
    for (let i = 0; i < 20; i++) await feed(backend, fork);
    fork.reset();
    assertEquals(await cache.save(), before);
  }
  await feed(backend, cache, 3);
  assertEquals(cache.seen, 12);
});

Deno.test("KVCache.save() is of the moment of the call", async () => {
  for (const backend of places) {
    using cache = small(backend);
    await feed(backend, cache, 9);
    const expected = await cache.save();
    const saving = cache.save();
    await feed(backend, cache, 5);
    cache.reset();
    assertEquals(await saving, expected);
  }
});

Deno.test("KVCache is not saved or forked between append and attend", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend);
  const k = backend.tensor([2, 2, 8]);
  cache.append(0, k, k);
  await assertRejects(() => cache.save(), TypeError, "2 tokens of layer 0");
  assertThrows(() => cache.fork(), TypeError, "attend is needed");
  cache.dispose();
  await assertRejects(() => cache.save(), TypeError, "disposed");
});
