import fc from "fast-check";
import {
  assert,
  assertEquals,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import type { KVCacheOptions, Phase } from "../../cache/options.ts";
import { KVPool } from "../../cache/pool.ts";
import { cake, gkv, h2o, sepllm, snapkv } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { SnapshotError } from "../../cache/snapshot/error.ts";
import { parseHeader } from "../../cache/snapshot/header.ts";
import type { RestoreOptions } from "../../cache/snapshot/options.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend, CacheType } from "../../kernels/ops.ts";
import { uniform } from "../../model/sampling/random.ts";
import { places } from "../kernels/places.ts";
import { boundaryAt, feed } from "./feed.ts";
import { cacheOf, lengthOf, type Run, runs } from "./runs.ts";

const types: readonly CacheType[] = ["f32", "f16", "int8"];

/** Calls of `attend` that a run makes, each of one token or a prompt's chunk. */
function* stepsOf({ turns }: Run, cache: KVCache): Iterable<[number, Phase]> {
  for (const { prompt, generated } of turns) {
    for (let left = prompt; left > 0;) {
      const n = Math.min(left, cache.room());
      left -= n;
      yield [n, left > 0 ? "prompt" : "promptEnd"];
    }
    for (let i = 0; i < generated; i++) yield [1, "decode"];
  }
}

/** What a cache gives for a step, and what shows of it then. */
async function after(
  backend: Backend,
  cache: KVCache,
  [n, phase]: [number, Phase],
): Promise<unknown> {
  const out = await feed(backend, cache, n, phase);
  const stats = cache.stats();
  assert(stats.bytes <= stats.budgetBytes);
  return { out, stats, steps: cache.stepsToEviction() };
}

/** The cache restored from its bytes, and a fork of it. */
async function twins(backend: Backend, cache: KVCache): Promise<KVCache[]> {
  const bytes = await cache.save();
  const { policy } = cache;
  const options = { boundaryAt, policy };
  const both = [
    await KVCache.restore(backend, bytes, options),
    cache.fork(),
  ];
  for (const twin of both) assertEquals(await twin.save(), bytes);
  return both;
}

async function goesOnAlike(backend: Backend, run: Run, cut: number) {
  const { used } = backend.memory();
  {
    using cache = cacheOf(backend, run);
    using others = new DisposableStack();
    let copies: KVCache[] = [];
    for (const step of stepsOf(run, cache)) {
      if (copies.length === 0 && cache.seen >= cut * lengthOf(run)) {
        copies = await twins(backend, cache);
        for (const copy of copies) others.use(copy);
      }
      const expected = await after(backend, cache, step);
      for (const copy of copies) {
        assertEquals(await after(backend, copy, step), expected);
      }
    }
    const bytes = await cache.save();
    for (const copy of copies) assertEquals(await copy.save(), bytes);
  }
  assertEquals(backend.memory().used, used);
}

Deno.test("KVCache restored at any step evicts as the saved one", async () => {
  using backend = await openBackend({ backend: "wasm" });
  for (const method of [gkv, cake, h2o]) {
    const policy = method({ window: 4, interval: 7 });
    for (let cut = 0; cut < 9; cut++) {
      using cache = small(backend, { policy });
      await feed(backend, cache, 19);
      for (let i = 0; i < cut; i++) await feed(backend, cache);
      using stack = new DisposableStack();
      const copies = await twins(backend, cache);
      for (const copy of copies) stack.use(copy);
      for (let i = 0; i < 9; i++) {
        for (const each of [cache, ...copies]) await feed(backend, each);
      }
      const bytes = await cache.save();
      for (const copy of copies) assertEquals(await copy.save(), bytes);
    }
  }
});

const cuts = fc.double({ min: 0, max: 0.95, noNaN: true });

for (const backend of places) {
  // A software GPU compiles shaders for a second at each new shape.
  const numRuns = backend.name.startsWith("wasm") ? 100 : 3;
  Deno.test(`KVCache restored or forked goes on as if it had never stopped on ${backend.name}`, async () => {
    await fc.assert(
      fc.asyncProperty(runs, cuts, (...run) => goesOnAlike(backend, ...run)),
      { seed: 5, numRuns },
    );
  });
}

const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 8 };

function small(
  backend: Backend,
  options: Partial<KVCacheOptions> = {},
): KVCache {
  return new KVCache(backend, {
    ...shape,
    dtype: "f32",
    budget: { tokens: 12 },
    policy: gkv({ window: 3, interval: 5 }),
    ...options,
  });
}

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

Deno.test("KVCache restored takes back what the saved one could", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend);
  for (const n of [9, 1, 1, 1, 1]) await feed(backend, cache, n);
  using restored = await KVCache.restore(backend, await cache.save());
  const outs = [];
  for (const each of [cache, restored]) {
    assertThrows(() => each.rollback(5), RangeError);
    each.rollback(3);
    for (let i = 0; i < 12; i++) outs.push(await feed(backend, each));
  }
  assertEquals(outs.slice(12), outs.slice(0, 12));
});

Deno.test("KVCache of a pool goes on alike on its own", async () => {
  for (const backend of places) {
    const policy = gkv({ window: 3, interval: 5 });
    const options = { ...shape, budget: { tokens: 48 }, policy };
    using pool = new KVPool(backend, options);
    using member = pool.join({ protectPrompt: true });
    await feed(backend, member, 30);
    using other = pool.join();
    await feed(backend, other, 10);
    await feed(backend, member);
    using stack = new DisposableStack();
    const copies = await twins(backend, member);
    for (const copy of copies) stack.use(copy);
    for (let i = 0; i < 14; i++) {
      const expected = await feed(backend, member);
      for (const copy of copies) {
        assertEquals(await feed(backend, copy), expected);
      }
    }
    assertEquals(pool.stats().sequences.length, 2);
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

/** Expects bytes to be refused, and nothing to be allocated for them. */
async function refuses(
  bytes: Uint8Array,
  options: RestoreOptions,
  message: string,
): Promise<void> {
  using backend = await openBackend({ backend: "wasm" });
  const { used, reserved } = backend.memory();
  await assertRejects(
    () => KVCache.restore(backend, bytes, options),
    SnapshotError,
    message,
  );
  assertEquals(backend.memory().used, used);
  assertEquals(backend.memory().reserved, reserved);
}

/** A small snapshot of everything that one can have. */
async function snapshot(
  options: Partial<KVCacheOptions> = {},
): Promise<Uint8Array> {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend, options);
  for (const n of [17, 1, 1, 1, 1]) await feed(backend, cache, n);
  return await cache.save({ fingerprint: "a model" });
}

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

Deno.test("KVCache.restore() says what is wrong with the bytes", async () => {
  const bytes = await snapshot();
  const changed = (at: number, to: number) => {
    const copy = bytes.slice();
    copy[at] = to;
    return copy;
  };
  await refuses(new Uint8Array(), {}, "it has 0 bytes");
  await refuses(bytes.subarray(0, 20), {}, "it has 20 bytes");
  await refuses(bytes.subarray(0, 500), {}, `${bytes.length} are needed`);
  await refuses(changed(0, 0x47), {}, "it does not begin as one");
  await refuses(changed(8, 2), {}, "its version is 2");
  await refuses(changed(600, bytes[600] ^ 1), {}, "its checksum is wrong");
  const claims = { slots: 2 ** 30 };
  await refuses(await forged(bytes, claims), {}, "maxBytes is needed");
});

/** A snapshot whose header says something else, with the right checksum. */
async function forged(
  bytes: Uint8Array,
  fields: Record<string, unknown>,
): Promise<Uint8Array> {
  const [header, payload] = opened(bytes);
  return await sealed(JSON.stringify({ ...header, ...fields }), payload);
}

function opened(bytes: Uint8Array): [Record<string, unknown>, Uint8Array] {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
  const json = new TextDecoder().decode(bytes.subarray(24, 24 + size));
  return [JSON.parse(json), bytes.slice(24 + size, -32)];
}

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

Deno.test("KVCache.restore() refuses numbers that no cache has", async () => {
  const bytes = await snapshot();
  const [header, payload] = opened(bytes);
  // Of 16 slots and 2 heads of 8 channels, keys and values come first.
  const at = 2 * 16 * 2 * 8 * 4;
  const positions = [...new Int32Array(payload.slice(at, at + 64).buffer)];
  const free = [0, 1, 2, 3, 4, 5, 6, 7].find((p) => !positions.includes(p))!;
  const settled = structuredClone(header.progress) as number[][];
  settled[0][5] = 0;
  const refused = async (word: number, at: number, message: string) => {
    const forged = payload.slice();
    new DataView(forged.buffer).setInt32(at, word, true);
    for (const progress of [header.progress, settled]) {
      const json = JSON.stringify({ ...header, progress });
      await refuses(await sealed(json, forged), {}, message);
    }
  };
  for (const word of [positions[1], 21, -1]) {
    await refused(word, at, "its positions of head 0");
  }
  await refused(free, at + 60, "its positions of head 0");
  const swapped = payload.slice();
  swapped.copyWithin(at + 56, at + 60, at + 64);
  new DataView(swapped.buffer).setInt32(at + 60, positions[14], true);
  await refuses(
    await sealed(JSON.stringify(header), swapped),
    {},
    "its positions of head 0",
  );
  await refused(0x7f800000, 0, "its keys have");
  await refused(-1, at + 128, "its history have");
  await refused(-1, payload.length - 4, "its queries have");
});

Deno.test("KVCache.restore() refuses f16 and int8 that no cache has", async () => {
  const cases: [CacheType, number, number][] = [
    ["f16", 0, 0x7c00],
    ["int8", 0, 0x80],
    ["int8", 2 * 16 * 8 + 2, 0x7f80],
  ];
  for (const [dtype, at, word] of cases) {
    const [header, payload] = opened(await snapshot({ dtype }));
    new DataView(payload.buffer).setUint16(at, word, true);
    const forged = await sealed(JSON.stringify(header), payload);
    await refuses(forged, {}, "its keys have");
  }
});

Deno.test("KVCache.restore() refuses more tokens than slots", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend, { slots: 40 });
  await feed(backend, cache, 30, "prompt");
  const bytes = await forged(await cache.save(), { slots: 17 });
  await refuses(bytes, {}, "its layer 0 cached is 30");
});

/** What somebody can make who knows the format. */
async function sealed(
  header: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(24 + json.length + payload.length + 32);
  bytes.set([0x89, 0x47, 0x4b, 0x56, 0x0d, 0x0a, 0x1a, 0x0a, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, json.length, true);
  view.setBigUint64(16, BigInt(bytes.length), true);
  bytes.set(json, 24);
  bytes.set(payload, 24 + json.length);
  const digest = await crypto.subtle.digest("SHA-256", bytes.subarray(0, -32));
  bytes.set(new Uint8Array(digest), bytes.length - 32);
  return bytes;
}

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
