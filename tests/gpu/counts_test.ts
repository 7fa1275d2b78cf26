/**
 * What decoding sends to the GPU: speed cannot be tested on every machine, but
 * how often a GPU is started and waited for can.
 *
 * @module
 */
import { assert, assertEquals } from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { GpuBackend } from "../../gpu/backend.ts";
import type { GpuCounts } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { prompt, tiny } from "./tiny.ts";

const adapter = await navigator.gpu?.requestAdapter();
const ignore = !adapter && Deno.env.get("GKV_REQUIRE_GPU") !== "1";
const why = ignore ? " (skipped: no WebGPU adapter)" : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${why}`, ignore, fn });
}

/** Generated tokens between evictions. */
const interval = 8;

/** What each of `count` tokens after a prompt sends, up to reading its logits. */
async function perToken(layers: number, count: number): Promise<GpuCounts[]> {
  using backend = (await GpuBackend.open())!;
  const options = { type: "q8_0", tied: true, layers } as const;
  using model = await tiny(backend, options);
  using session = model.session({
    budget: { tokens: prompt.length },
    policy: gkv({ interval }),
  });
  const { cache } = session;
  model.decoder.forward(prompt, 0, cache, "promptEnd");
  const found: GpuCounts[] = [];
  for (const id of prompt.slice(0, count)) {
    const before = { ...backend.counts };
    model.decoder.forward([id], cache.seen, cache, "decode");
    await backend.read(model.decoder.logits(1) as GpuTensor);
    found.push(difference(backend.counts, before));
  }
  assertEquals(cache.stats().evictions, Math.floor(count / interval));
  return found;
}

function difference(after: GpuCounts, before: GpuCounts): GpuCounts {
  const names = Object.keys(after) as (keyof GpuCounts)[];
  const entries = names.map((name) => [name, after[name] - before[name]]);
  return Object.fromEntries(entries);
}

test("a token takes 12 dispatches a layer, an eviction 8 more", async () => {
  const [one, three] = [await perToken(1, 16), await perToken(3, 16)];
  const perLayer = three.map(({ dispatches }, i) =>
    (dispatches - one[i].dispatches) / 2
  );
  const evicting = perLayer.filter((_, i) => i % interval === interval - 1);
  assertEquals(Math.max(...perLayer.slice(0, interval - 1)), 12);
  assertEquals(Math.max(...evicting), 12 + 8);
});

test("a token takes one submit and one read-back, evicting or not", async () => {
  // The first may have to make room for intermediate results.
  for (const counts of (await perToken(2, 18)).slice(interval)) {
    assertEquals([counts.submits, counts.readBacks], [1, 1]);
  }
});

test("growing intermediate results cost few submits", async () => {
  using backend = (await GpuBackend.open())!;
  const [slots, headDim] = [2048, 8];
  const keys = backend.tensor([1, slots, headDim]);
  const values = backend.tensor([1, slots, headDim]);
  const positions = backend.tensor([1, slots], "i32");
  const cache = { keys, values, positions, sums: undefined };
  const q = backend.tensor([1, 1, headDim]);
  const out = backend.tensor([1, 1, headDim]);
  const { submits } = backend.counts;
  for (let cached = 32; cached <= slots; cached += 32) {
    backend.attention(q, cache, out, 1, cached, "q");
  }
  // From one split to the most there are, 64.
  assert(backend.counts.submits - submits <= 6);
  await backend.read(out);
});

test("Session.stats() tells what went to the GPU", async () => {
  using backend = (await GpuBackend.open())!;
  using model = await tiny(backend);
  using session = model.session();
  const before = session.stats().gpu!;
  for await (const _ of session.generateTokens(prompt, { maxTokens: 3 }));
  const { cache, memory, gpu } = session.stats();
  assertEquals(cache, session.cache.stats());
  assertEquals(memory, backend.memory());
  assertEquals(gpu, backend.counts);
  assert(gpu!.dispatches > before.dispatches);
});
