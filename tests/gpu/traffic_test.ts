/**
 * Bytes moved, times of kernels, and want of memory on the GPU.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { GpuBackend } from "../../gpu/backend.ts";
import { GpuBuffers } from "../../gpu/buffers.ts";
import type { GpuOptions } from "../../gpu/device.ts";
import type { GpuTally } from "../../gpu/tensor.ts";
import type { CacheType } from "../../kernels/tensors.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Session } from "../../model/session.ts";
import { relativeError } from "../kernels/numbers.ts";
import { prompt, settings, tiny, tokensOn } from "./tiny.ts";

const adapter = await navigator.gpu?.requestAdapter();
const ignore = !adapter && Deno.env.get("GKV_REQUIRE_GPU") !== "1";
const why = ignore ? " (skipped: no WebGPU adapter)" : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${why}`, ignore, fn });
}

const canTime = adapter?.features.has("timestamp-query") ?? false;
const timed = canTime ? "" : " (skipped: no timestamp-query)";

async function open(options: GpuOptions = {}): Promise<GpuBackend> {
  return (await GpuBackend.open(options))!;
}

/** Bytes that calls move. */
function movedBy(backend: GpuBackend, calls: () => void): number {
  const before = backend.counts.bytesMoved;
  calls();
  return backend.counts.bytesMoved - before;
}

test("GpuBackend counts a product's input, packed weight and result", async () => {
  using backend = await open();
  const weight = backend.weight(64, [{ type: "q4_1", rows: 48 }]);
  const [x, out] = [backend.tensor([3, 64]), backend.tensor([3, 48])];
  assertEquals(weight.bytes, 48 * 64 / 32 * 20);
  for (const n of [1, 3]) {
    const moved = movedBy(backend, () => backend.linear(x, weight, out, n));
    assertEquals(moved, weight.bytes + n * (64 + 48) * 4);
  }
});

/** A layer of two KV heads of 16 channels, and queries of six heads. */
function layerOf(backend: GpuBackend, type: CacheType) {
  const shape = [2, 512, 16];
  const cache = {
    keys: backend.tensor(shape, type),
    values: backend.tensor(shape, type),
    positions: backend.tensor([2, 512], "i32"),
    sums: undefined,
  };
  const [q, out] = [backend.tensor([1, 6, 16]), backend.tensor([1, 6, 16])];
  return { cache, q, out };
}

/** Bytes of a key or a value of 16 channels. */
const vectors = { f32: 64, f16: 32, int8: 20 } as const;

test("GpuBackend counts the slots in use that attention reads", async () => {
  using backend = await open();
  for (const type of ["f32", "f16", "int8"] as const) {
    const { cache, q, out } = layerOf(backend, type);
    const moved = (cached: number) =>
      movedBy(backend, () => backend.attention(q, cache, out, 1, cached, "q"));
    const token = 2 * 2 * vectors[type];
    const rows = 6 * 16 * 4;
    assertEquals(moved(20), 20 * token + 2 * rows);
    // Ten splits, whose results are written and read: a vector and two numbers
    // in another vector.
    const partials = 10 * (rows + 6 * 4 * 4);
    assertEquals(moved(320), 320 * token + 2 * rows + 2 * partials);
  }
});

test("GpuBackend counts what a tally reads and writes", async () => {
  using backend = await open();
  const { cache, q, out } = layerOf(backend, "f32");
  const [sums, squares] = [backend.tensor([2, 512]), backend.tensor([2, 512])];
  const moved = (tallied: number, tally?: GpuTally) => {
    const call = () =>
      backend.attention(q, cache, out, 1, 320, "q", tally, tallied);
    return movedBy(backend, call);
  };
  const plain = moved(0);
  // Scores are written and read; splits' largest scores and weights read again.
  const scores = 6 * 320 * 4;
  const more = 2 * scores + 6 * 10 * 2 * 4;
  const tally = { sums, squares: undefined, heads: "max" } as const;
  assertEquals(moved(0, tally) - plain, more + 2 * 320 * 4);
  assertEquals(moved(5, tally) - plain, more + 2 * (319 + 320) * 4);
  const both = { ...tally, squares };
  assertEquals(moved(5, both) - plain, more + 2 * 2 * (319 + 320) * 4);
});

test("attention() with a tally takes two dispatches", async () => {
  using backend = await open();
  const { cache, q, out } = layerOf(backend, "int8");
  const tally = { sums: backend.tensor([2, 512]), squares: undefined } as const;
  for (const cached of [1, 20, 500]) {
    const before = backend.counts.dispatches;
    const rule = { ...tally, heads: "mean" } as const;
    backend.attention(q, cache, out, 1, cached, "q", rule, 0);
    assertEquals(backend.counts.dispatches - before, 2);
  }
});

test("attention() with a tally goes through many queries in parts", async () => {
  using backend = await open();
  const [n, heads] = [17, 256];
  const shape = [n, heads, 4];
  const cache = {
    keys: backend.tensor([1, 1024, 4]),
    values: backend.tensor([1, 1024, 4]),
    positions: backend.tensor([1, 1024], "i32"),
    sums: undefined,
  };
  const [q, out] = [backend.tensor(shape), backend.tensor(shape)];
  const sums = backend.tensor([1, 1024]);
  const tally = { sums, squares: undefined, heads: "max" } as const;
  backend.attention(q, cache, out, n, 1024, "q", tally, 0);
  assertLess(backend.memory().scratch, 2 ** 25);
  const found = await backend.read(sums);
  // Keys of zero: each query shares itself evenly among those it sees.
  const expected = Array.from({ length: 1024 }, (_, slot) => {
    const seen = Array.from({ length: n }, (_, i) => 1024 - n + i + 1);
    return seen.reduce((sum, s) => slot < s ? sum + 1 / s : sum, 0);
  });
  assertLess(relativeError(found, expected), 1e-5);
});

test("GpuBackend counts whole bytes for every kernel of a generation", async () => {
  using backend = await open();
  using model = await tiny(backend);
  using session = model.session(settings);
  const options = { maxTokens: 20, temperature: 1 };
  for await (const _ of session.generateTokens(prompt, options));
  assertGreater(session.cache.stats().evictions, 1);
  assert(Number.isInteger(backend.counts.bytesMoved));
});

Deno.test({
  name:
    `GpuBackend.kernelTimes() has every dispatch since the last call${timed}`,
  ignore: !canTime,
  fn: timesEveryDispatch,
});

async function timesEveryDispatch(): Promise<void> {
  using backend = await open({ timestamps: true });
  const [x, out] = [backend.tensor([2, 64]), backend.tensor([2, 32])];
  await backend.kernelTimes();
  backend.swiglu(x, out, 2);
  backend.softmax(out, 2, 1);
  backend.swiglu(x, out, 2);
  await backend.read(out);
  const times = await backend.kernelTimes();
  const found = [...times].map(([name, { dispatches }]) => [name, dispatches]);
  const expected = { swiglu: 2, "softmax of a split": 1, softmax: 1 };
  assertEquals(found, Object.entries(expected));
  for (const { microseconds } of times.values()) assert(microseconds > 0);
  assertEquals((await backend.kernelTimes()).size, 0);
}

test("GpuBackend.kernelTimes() is empty unless it was asked for", async () => {
  using backend = await open();
  const out = backend.tensor([2, 32]);
  backend.softmax(out, 2, 1);
  await backend.read(out);
  assertEquals((await backend.kernelTimes()).size, 0);
});

/** A device that has no memory for more than `most` bytes in a buffer. */
function smallDevice(most: number): GPUDevice {
  const errors: (GPUError | null)[] = [];
  const device: Partial<GPUDevice> = {
    pushErrorScope: (filter) => {
      assertEquals(filter, "out-of-memory");
      errors.push(null);
    },
    createBuffer: ({ size }) => {
      const error = { message: "no" } as GPUError;
      if (size > most) errors[errors.length - 1] = error;
      return {} as GPUBuffer;
    },
    popErrorScope: () => Promise.resolve(errors.pop()!),
  };
  return device as GPUDevice;
}

Deno.test("GpuBuffers.check() rejects once, with the first buffer's bytes", async () => {
  const buffers = new GpuBuffers(smallDevice(100));
  for (const size of [50, 200, 60, 300, 70]) buffers.make({ size, usage: 0 });
  await assertRejects(() => buffers.check(), RangeError, "200 bytes");
  await buffers.check();
  buffers.make({ size: 400, usage: 0 });
  await assertRejects(() => buffers.check(), RangeError, "400 bytes");
});

/** Makes a device have no memory for buffers made from now on. */
function exhaust({ device }: GpuBackend): Disposable {
  const pop = device.popErrorScope;
  const error = { message: "no" } as GPUError;
  device.popErrorScope = async () => await pop.call(device) ?? error;
  return {
    [Symbol.dispose]: () => {
      device.popErrorScope = pop;
    },
  };
}

test("GpuBackend.read() rejects with the bytes that there was no memory for", async () => {
  using backend = await open();
  const before = backend.tensor([4]);
  {
    using _ = exhaust(backend);
    backend.tensor([1000]);
  }
  await assertRejects(() => backend.read(before), RangeError, "4000 bytes");
  assertEquals((await backend.read(before)).length, 4);
});

test("loadModel() rejects when there is no memory and frees what it made", async () => {
  using backend = await open();
  const { buffers } = backend;
  using _ = exhaust(backend);
  await assertRejects(() => tiny(backend), RangeError, "Cannot allocate");
  assertEquals(backend.buffers, buffers);
});

test("loadModel() goes to WebAssembly when nobody asked for the GPU", async () => {
  using wasm = await openBackend({ backend: "wasm" });
  using backend = await open({ automatic: true });
  const { buffers } = backend;
  using _ = exhaust(backend);
  assertEquals(await tokensOn(backend, 20), await tokensOn(wasm, 20));
  assertEquals(backend.buffers, buffers);
});

test("Session goes to WebAssembly when nobody asked for the GPU", async () => {
  using wasm = await openBackend({ backend: "wasm" });
  using backend = await open({ automatic: true });
  const { buffers } = backend;
  {
    using model = await tiny(backend);
    using before = model.session(settings);
    using session = exhausted(backend, () => model.session(settings));
    const options = { maxTokens: 20 };
    const expected = await tokensOn(wasm, 20);
    const generate = async (one: Session) => {
      const tokens: number[] = [];
      for await (const id of one.generateTokens(prompt, options)) {
        tokens.push(id);
      }
      assertEquals(tokens, expected);
    };
    for (const one of [session, before]) await generate(one);
    using after = model.session(settings);
    await generate(after);
    assertStringIncludes(model.engine.backend.name, "wasm");
    assertGreater(backend.buffers, buffers);
  }
  assertEquals(backend.buffers, buffers);
});

/** What a function makes while there is no memory. */
function exhausted<T>(backend: GpuBackend, make: () => T): T {
  using _ = exhaust(backend);
  return make();
}
