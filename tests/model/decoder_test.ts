import { assertEquals, assertLess } from "@std/assert";
import { full, gkv } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { Architecture } from "../../model/checkpoint/checkpoint.ts";
import type { StoredType } from "../../kernels/stored.ts";
import { loadModel, type Model } from "../../model/model.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import { relativeError } from "../kernels/numbers.ts";
import { storedTypes } from "../kernels/weights.ts";
import { tinyFolder, tinyGguf } from "./fixtures.ts";

const folder = new URL("folders/", import.meta.url);

interface Oracle {
  tokens: number[];
  logits: number[][];
}

/** Logits of every token, computed in chunks of the given sizes. */
async function logitsOf(
  backend: Backend,
  model: Model,
  tokens: number[],
  chunks: number[] = [tokens.length],
): Promise<Float32Array[]> {
  const { vocabulary } = model.config;
  using session = model.session({ policy: full(), dtype: "f32" });
  const rows: Float32Array[] = [];
  for (const n of chunks) {
    const ids = tokens.slice(rows.length, rows.length + n);
    const phase = n === 1 ? "decode" : "prompt";
    model.decoder.forward(ids, rows.length, session.cache, phase);
    const all = await backend.read(model.decoder.logits(n, n), n);
    for (let i = 0; i < n; i++) {
      const row = all.slice(i * vocabulary, (i + 1) * vocabulary);
      rows.push(row as Float32Array);
    }
  }
  return rows;
}

/** What transformers computed in float32 is right to its own rounding. */
const tolerances = { reference: 1e-5, wasm: 1e-4 };

for (const architecture of ["llama", "qwen2", "qwen3"]) {
  for (const backendName of ["reference", "wasm"] as const) {
    Deno.test(`Decoder of ${architecture} agrees with transformers on ${backendName}`, async () => {
      const path = decodeURIComponent(new URL(architecture, folder).pathname);
      const oracle: Oracle = JSON.parse(
        await Deno.readTextFile(`${path}/logits.json`),
      );
      using backend = await openBackend({ backend: backendName });
      using model = await loadModel(path, { backend });
      const logits = await logitsOf(backend, model, oracle.tokens);
      for (const [i, row] of oracle.logits.entries()) {
        assertLess(relativeError(logits[i], row), tolerances[backendName]);
      }
    });
  }
}

const tokens = Array.from({ length: 40 }, (_, i) => 10 + (i * 37) % 200);

/** Logits of the same tiny model on wasm and on the reference, compared. */
async function backendError(file: Uint8Array): Promise<number> {
  const results: Float32Array[][] = [];
  for (const backendName of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: backendName });
    const source = bufferSource("tiny.gguf", file);
    using model = await loadModel([source], { backend });
    results.push(await logitsOf(backend, model, tokens));
  }
  const errors = results[1].map((row, i) => relativeError(results[0][i], row));
  return Math.max(...errors);
}

/** 14-bit activations, where weights are quantised, through two blocks. */
const tolerance = (type: StoredType) => type.startsWith("q") ? 1e-3 : 1e-4;

for (const type of storedTypes) {
  Deno.test(`Decoder of ${type} weights agrees on wasm and on the reference`, async () => {
    for (const architecture of ["llama", "qwen2", "qwen3"] as Architecture[]) {
      const file = tinyGguf({ architecture, type, tied: type === "q8_0" });
      assertLess(await backendError(file), tolerance(type));
    }
  });
}

Deno.test("Decoder gives a token the same logits in any chunks", async () => {
  using backend = await openBackend();
  const file = bufferSource("tiny.gguf", tinyGguf({ type: "q4_1" }));
  using model = await loadModel([file], { backend });
  const whole = await logitsOf(backend, model, tokens);
  const single = tokens.map(() => 1);
  for (const chunks of [single, [1, 2, 3, 31, 3], [33, 7]]) {
    const rows = await logitsOf(backend, model, tokens, chunks);
    for (const [i, row] of rows.entries()) {
      assertLess(relativeError(row, whole[i]), 1e-5);
    }
  }
});

Deno.test("loadModel() of a GGUF file and of the same folder agree", async () => {
  for (const architecture of ["llama", "qwen2", "qwen3"] as Architecture[]) {
    using backend = await openBackend({ backend: "reference" });
    const options = { architecture, type: "bf16" } as const;
    const file = bufferSource("tiny.gguf", tinyGguf(options));
    using gguf = await loadModel([file], { backend });
    using hf = await loadModel(tinyFolder(options, 2), { backend });
    const [a, b] = [
      await logitsOf(backend, gguf, tokens),
      await logitsOf(backend, hf, tokens),
    ];
    for (const [i, row] of a.entries()) {
      assertLess(relativeError(row, b[i]), 1e-6);
    }
  }
});

Deno.test("Model.dispose() gives all memory back, sessions theirs", async () => {
  using backend = await openBackend();
  const file = bufferSource("tiny.gguf", tinyGguf());
  for (let round = 0; round < 3; round++) {
    using model = await loadModel([file], { backend });
    const { used } = backend.memory();
    for (let i = 0; i < 20; i++) {
      using session = model.session({ policy: gkv(), budget: { tokens: 64 } });
      for await (
        const _ of session.generateTokens([1, 2, 3], { maxTokens: 2 })
      );
    }
    assertEquals(backend.memory().used, used);
  }
  assertEquals(backend.memory().used, 0);
});
