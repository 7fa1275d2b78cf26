import { assert, assertEquals, assertLess, assertRejects } from "@std/assert";
import { KVCache } from "../../../cache/cache.ts";
import { h2o } from "../../../cache/policies/mod.ts";
import { SnapshotError } from "../../../cache/snapshot/error.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { openBackend } from "../../../kernels/open.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { boundaryAt, feed } from "../feed.ts";
import { opened, sealed, snapshot } from "./fixtures.ts";

/** Whole numbers below `n`, the same every time. */
function dice(seed: number): (n: number) => number {
  let counter = 0;
  return (n) => Math.floor(uniform(seed, counter++) * n);
}

/** A snapshot with some bytes wrong, missing, moved or repeated. */
function mutated(bytes: Uint8Array, roll: (n: number) => number): Uint8Array {
  const copy = bytes.slice();
  const [at, other] = [roll(bytes.length), roll(bytes.length)];
  switch (roll(6)) {
    case 0:
      copy[at] ^= 1 << roll(8);
      return copy;
    case 1:
      return copy.subarray(0, at);
    case 2:
      return copy.subarray(1 + at);
    case 3: {
      copy.copyWithin(at, other, other + 1 + roll(64));
      return copy;
    }
    case 4: {
      // The lengths and the version.
      const view = new DataView(copy.buffer);
      view.setUint32(8 + 4 * roll(4), roll(2 ** 32), true);
      return copy;
    }
    default:
      return Uint8Array.from([
        ...copy.subarray(0, at),
        ...copy.subarray(other),
      ]);
  }
}

Deno.test("KVCache.restore() refuses 10,000 mutations of a snapshot", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const bytes = await snapshot({ dtype: "int8" });
  const { used, reserved } = backend.memory();
  const roll = dice(1);
  for (let tried = 0; tried < 10_000;) {
    const wrong = mutated(bytes, roll);
    if (
      wrong.every((x, i) => x === bytes[i]) && wrong.length === bytes.length
    ) {
      continue;
    }
    tried++;
    await assertRejects(() => KVCache.restore(backend, wrong), SnapshotError);
  }
  assertEquals(backend.memory().used, used);
  assertEquals(backend.memory().reserved, reserved);
});

const nasty: readonly unknown[] = [
  ...[-1, 0, 1, 2, 3, 7, 12, 17, 0.5, 255, 2 ** 16, 2 ** 31, 2 ** 53, 1e308],
  ...[null, true, "", "none", "random", "total", "separators", "f16", "mean"],
  ...[[], [[]], {}, { blocks: 2, share: 1 }, { mix: 1 }, [1, 2, 3, 4]],
];

/** Replaces something somewhere in a header. */
function twist(value: unknown, roll: (n: number) => number): unknown {
  if (typeof value !== "object" || value === null || roll(8) === 0) {
    return nasty[roll(nasty.length)];
  }
  const copy = structuredClone(value) as Record<string, unknown>;
  const names = Object.keys(copy);
  const name = names[roll(names.length)] ?? "quota";
  if (roll(8) === 0) delete copy[name];
  else copy[name] = twist(copy[name], roll);
  return copy;
}

Deno.test("KVCache.restore() takes no forged snapshot that is no valid cache", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const { used } = backend.memory();
  const roll = dice(2);
  const seeds = [
    await snapshot(),
    await snapshot({ dtype: "int8", protectPrompt: true }),
    await snapshot({ dtype: "f16", policy: h2o({ window: 3, interval: 5 }) }),
  ];
  let valid = 0;
  for (let tried = 0; tried < 6000; tried++) {
    let [header, payload]: [unknown, Uint8Array] = opened(seeds[tried % 3]);
    for (let i = roll(3); i > 0; i--) header = twist(header, roll);
    if (roll(9) === 0) payload = mutated(payload, roll);
    else payload[roll(payload.length)] ^= 1 << roll(8);
    const forgery = await sealed(JSON.stringify(header), payload);
    valid += await isValid(backend, forgery) ? 1 : 0;
  }
  assert(valid > 500, `${valid} forgeries are valid caches`);
  assertEquals(backend.memory().used, used);
  assertLess(backend.memory().reserved, 2 ** 24);
});

/** Whether bytes are a cache, which must then work, or a `SnapshotError`. */
async function isValid(backend: Backend, bytes: Uint8Array): Promise<boolean> {
  try {
    const options = { boundaryAt, maxBytes: 2 ** 20 };
    using cache = await KVCache.restore(backend, bytes, options);
    for (let i = 0; i < 8 && cache.room() > 0; i++) {
      if (cache.shape.queryHeads < 100) await feed(backend, cache);
    }
    return true;
  } catch (error) {
    if (error instanceof SnapshotError) return false;
    throw error;
  }
}
