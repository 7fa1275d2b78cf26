/**
 * WebGPU beyond single kernels, on whatever adapter there is; a software one
 * will do.
 *
 * @module
 */
import {
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { GpuBackend } from "../../gpu/backend.ts";
import { type GpuOptions, requestGpu } from "../../gpu/device.ts";
import { DeviceLostError } from "../../gpu/error.ts";
import { PipelineCache } from "../../gpu/pipelines.ts";
import { gpuKernels } from "../../kernels/wgsl/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import { relativeError } from "../kernels/numbers.ts";
import { prompt, settings, tiny, tokensOn } from "./tiny.ts";

const adapter = await navigator.gpu?.requestAdapter();
const ignore = !adapter && Deno.env.get("GKV_REQUIRE_GPU") !== "1";
const why = ignore ? " (skipped: no WebGPU adapter)" : "";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name: `${name}${why}`, ignore, fn });
}

async function open(options: GpuOptions = {}): Promise<GpuBackend> {
  return (await GpuBackend.open(options))!;
}

test("openBackend() opens WebGPU when it is asked for", async () => {
  using backend = await openBackend({ backend: "webgpu" });
  assertEquals(backend.name.startsWith("webgpu ("), true);
});

test("PipelineCache compiles every kernel, those for later too", async () => {
  for (const without of [[], ["f16"]] as const) {
    const gpu = (await requestGpu({ without }))!;
    await new PipelineCache(gpu).prepare(gpuKernels);
    gpu.device.destroy();
  }
});

test("GpuBackend generates the tokens of WebAssembly", async () => {
  using wasm = await openBackend({ backend: "wasm" });
  using gpu = await open();
  assertEquals(await tokensOn(gpu, 60), await tokensOn(wasm, 60));
});

test("GpuBackend splits what is larger than a binding", async () => {
  // The embedding has 137,728 bytes, the two heads of a layer's keys 155,648.
  const results: number[][] = [];
  for (const maxBinding of [Infinity, 2 ** 17]) {
    using backend = await open({ maxBinding });
    using model = await tiny(backend, { embedding: 128, feedForward: 64 });
    using session = model.session({ budget: { tokens: 480 } });
    const options = { maxTokens: 10 };
    const tokens: number[] = [];
    for await (const id of session.generateTokens(prompt, options)) {
      tokens.push(id);
    }
    results.push(tokens);
  }
  assertEquals(results[1], results[0]);
});

test("GpuBackend names the first tensor that is not finite at the next read", async () => {
  using backend = await open();
  const good = backend.tensor([2, 1, 8]);
  const bad = backend.tensor([2, 1, 8]);
  const cache = {
    keys: backend.tensor([1, 4, 8]),
    values: backend.tensor([1, 4, 8]),
    positions: backend.tensor([1, 4], "i32"),
    sums: undefined,
  };
  backend.write(bad, new Float32Array(16).fill(NaN));
  backend.append(cache, good, good, 2, 0, 0, ["a", "b"]);
  backend.append(cache, good, bad, 2, 2, 2, ["c", "d"]);
  backend.attention(bad, cache, good, 2, 4, "e");
  await assertRejects(() => backend.read(good), RangeError, "Cannot use d");
  assertEquals((await backend.read(good)).length, 16);
});

test("GpuBackend says how many bytes were asked for and are too many", async () => {
  using backend = await open({ maxBinding: 4096 });
  assertThrows(() => backend.tensor([1025]), RangeError, "4100 bytes");
});

test("GpuBackend leaves no buffer behind after 20 sessions", async () => {
  using backend = await open();
  using model = await tiny(backend);
  const before = backend.buffers;
  for (let i = 0; i < 20; i++) {
    using session = model.session(settings);
    for await (
      const _ of session.generateTokens(prompt, { maxTokens: 2 })
    );
    assertGreater(backend.buffers, before);
  }
  assertEquals(backend.buffers, before);
});

test("GpuBackend reads once per token and submits once", async () => {
  using backend = await open();
  using model = await tiny(backend);
  using session = model.session(settings);
  for await (const _ of session.generateTokens(prompt, { maxTokens: 2 }));
  const { submits, readBacks } = backend.counts;
  const options = { maxTokens: 5, runAhead: 1 };
  for await (const _ of session.generateTokens([], options));
  assertEquals(backend.counts.readBacks - readBacks, 5);
  assertLess(backend.counts.submits - submits, 6);
});

test("Session goes on when the device is destroyed in the middle", async () => {
  using backend = await open();
  using unbroken = await open();
  const expected = await tokensOn(unbroken, 40);
  const tokens = await tokensOn(backend, 40, (count) => {
    if (count === 17) backend.device.destroy();
  });
  assertEquals(tokens, expected);
});

test("GpuBackend.read() rejects with the loss of the device", async () => {
  using backend = await open();
  const tensor = backend.tensor([4]);
  backend.device.destroy();
  await assertRejects(() => backend.read(tensor), DeviceLostError, "destroyed");
});

test("Decoder agrees on WebGPU and on the reference", async () => {
  const logits = [];
  for (const name of ["webgpu", "reference"] as const) {
    using backend = await openBackend({ backend: name });
    using model = await tiny(backend);
    using session = model.session(settings);
    model.decoder.forward(prompt.slice(0, 20), 0, session.cache, "prompt");
    logits.push(await backend.read(model.decoder.logits(20)));
  }
  assertLess(relativeError(logits[0], logits[1]), 1e-5);
});
