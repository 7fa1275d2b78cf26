/**
 * Bytes moved, times of kernels, and want of memory on the GPU.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertRejects,
} from "@std/assert";
import { GpuBackend } from "../../gpu/backend.ts";
import { GpuBuffers } from "../../gpu/buffers.ts";
import type { GpuOptions } from "../../gpu/device.ts";
import { prompt, settings, tiny } from "./tiny.ts";

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

test("GpuBackend counts the slots in use that attention reads", async () => {
  using backend = await open();
  const [kvHeads, slots, headDim, group] = [2, 512, 16, 3];
  const cache = {
    keys: backend.tensor([kvHeads, slots, headDim]),
    values: backend.tensor([kvHeads, slots, headDim]),
    positions: backend.tensor([kvHeads, slots], "i32"),
  };
  const shape = [1, kvHeads * group, headDim];
  const [q, out] = [backend.tensor(shape), backend.tensor(shape)];
  const moved = (cached: number) =>
    movedBy(backend, () => backend.attention(q, cache, out, 1, cached, "q"));
  const token = kvHeads * 2 * headDim * 4;
  const rows = kvHeads * group * headDim * 4;
  assertEquals(moved(20), 20 * token + 2 * rows);
  // Ten splits, whose results are written and read: a vector and two numbers
  // in another vector.
  const partials = 10 * (rows + kvHeads * group * 4 * 4);
  assertEquals(moved(320), 320 * token + 2 * rows + 2 * partials);
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
