import { assertEquals, assertThrows } from "@std/assert";
import { KVCache } from "../../../cache/cache.ts";
import { gkv, h2o, sepllm, snapkv } from "../../../cache/policies/mod.ts";
import type { Policy } from "../../../cache/policy.ts";
import { SnapshotError } from "../../../cache/snapshot/error.ts";
import { parseHeader } from "../../../cache/snapshot/header.ts";
import { openBackend } from "../../../kernels/open.ts";
import { boundaryAt, feed } from "../feed.ts";
import { forged, opened, refuses, small, snapshot } from "./fixtures.ts";

Deno.test("KVCache.restore() asks for the functions of a policy", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const scorer = {
    ...snapkv({ window: 3, interval: 5 }),
    name: "mine",
    score: ({ heads, tokens }: { heads: number; tokens: number }) =>
      new Float32Array(heads * tokens),
  };
  const separators = sepllm({ window: 3, interval: 5 });
  const refused = async (policy: Policy, message: string) => {
    using cache = small(backend, { policy, boundaryAt });
    await feed(backend, cache, 17);
    const bytes = await cache.save();
    await refuses(bytes, {}, message);
    (await KVCache.restore(backend, bytes, { policy, boundaryAt })).dispose();
  };
  await refused(scorer, "the option policy is needed");
  await refused(separators, "the option boundaryAt is needed");
});

Deno.test("KVCache.restore() refuses what the options say otherwise", async () => {
  const bytes = await snapshot();
  await refuses(
    bytes,
    { fingerprint: "another" },
    "its fingerprint is a model",
  );
  await refuses(bytes, { layers: 3 }, "its layers is 2, 3 is needed");
  await refuses(bytes, { headDim: 16 }, "its headDim is 8");
  await refuses(bytes, { dtype: "int8" }, "its dtype is f32");
  await refuses(bytes, { policy: h2o() }, "its policy is");
  const policy = gkv({ window: 3, interval: 6 });
  await refuses(bytes, { policy }, '"interval":6');
  await refuses(bytes, { maxBytes: 5000 }, "maxBytes is needed");
});

/** A layer's counters beyond what can be, of a `snapshot()`. */
const beyond: readonly [string, number, number][] = [
  ["cached", 0, 18],
  ["cached", 0, 2],
  ["seen", 1, -1],
  ["seen", 1, 2 ** 31],
  ["generated", 2, 5],
  ["remembered", 3, 14],
  ["next", 4, 10],
  ["revocable", 5, 8],
  ["tallied", 6, 4],
  ["marked", 7, 17],
];

Deno.test("KVCache.restore() refuses counters that no cache has", async () => {
  const [header] = opened(await snapshot());
  assertEquals(parseHeader(header, {}).layers[1].cached, 16);
  for (const [name, index, value] of beyond) {
    const progress = structuredClone(header.progress) as number[][];
    progress[1][index] = value;
    const parse = () => parseHeader({ ...header, progress }, {});
    assertThrows(parse, SnapshotError, `its layer 1 ${name} is`);
  }
  const young = structuredClone(header.progress) as number[][];
  young[0] = [5, 5, 0, 0, 4, 0, 0, 0];
  assertThrows(
    () => parseHeader({ ...header, progress: young }, {}),
    SnapshotError,
    "layer 0 next is 4",
  );
});

Deno.test("KVCache.restore() refuses more tokens than slots", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend, { slots: 40 });
  await feed(backend, cache, 30, "prompt");
  const bytes = await forged(await cache.save(), { slots: 17 });
  await refuses(bytes, {}, "its layer 0 cached is 30");
});
