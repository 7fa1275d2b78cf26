import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { gkv, policies } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import { loadModel, type Model } from "../../model/model.ts";
import { modelFiles } from "../../train/export.ts";
import { initialParameters } from "../../train/initial.ts";
import { makeLearner } from "../../train/learner.ts";
import { untilEvicted } from "../../train/masks.ts";
import { Random } from "../../train/random.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";
import { encodeText } from "../../train/tasks/task.ts";
import { tinyConfig } from "./tiny.ts";

const tokens = 144;
const [budget, interval] = [24, 8];
const { layers, kvHeads, vocabulary } = tinyConfig;
const random = new Random(9);
/** Attention that is sharp, so that what is hidden matters. */
const parameters = initialParameters(tinyConfig, 4).map((value) =>
  2 * value + 0.1 * random.normal()
);
const text = encodeText(lemmaChain, lemmaChain.problem(1, 0).text)
  .slice(0, tokens);
const { logits: twinLogits } = await makeLearner(tinyConfig, "crossEntropy");

function logProbabilities(logits: ArrayLike<number>): number[] {
  const all = Array.from(logits);
  const most = Math.max(...all);
  const sum = all.reduce((total, x) => total + Math.exp(x - most), 0);
  return all.map((x) => x - most - Math.log(sum));
}

/** Log-probabilities of a generation, and the mask of what it saw. */
async function generate(
  backend: Backend,
  model: Model,
  policy: Policy,
  promptChunks: number[],
): Promise<{ rows: number[][]; until: Int32Array<ArrayBuffer> }> {
  using session = model.session({
    dtype: "f32",
    policy,
    budget: { tokens: budget },
    record: true,
  });
  const rows: number[][] = [];
  const prompt = promptChunks.reduce((sum, n) => sum + n, 0);
  const chunks = [...promptChunks, ...text.slice(prompt).map(() => 1)];
  for (const n of chunks) {
    const at = rows.length;
    const phase = at >= prompt
      ? "decode"
      : at + n === prompt
      ? "promptEnd"
      : "prompt";
    model.decoder.forward(text.slice(at, at + n), at, session.cache, phase);
    const all = await backend.read(model.decoder.logits(n, n), n);
    for (let i = 0; i < n; i++) {
      const row = all.slice(i * vocabulary, (i + 1) * vocabulary);
      rows.push(logProbabilities(row));
    }
  }
  const records = await session.cache.evictions();
  assertGreater(records.length, layers * 5);
  return { rows, until: untilEvicted(tinyConfig, records, tokens) };
}

/** Largest difference of a training pass under a mask. */
function difference(rows: number[][], until: Int32Array<ArrayBuffer>): number {
  const shape = [1, layers, kvHeads, tokens];
  const ids = { data: Int32Array.from(text), shape: [1, tokens] };
  const logits = twinLogits(parameters, {
    ids,
    until: { data: until, shape },
  });
  const differences = rows.flatMap((row, i) => {
    const own = logits.slice(i * vocabulary, (i + 1) * vocabulary);
    return logProbabilities(own).map((x, j) => Math.abs(x - row[j]!));
  });
  return Math.max(...differences);
}

async function withModel(
  use: (backend: Backend, model: Model) => Promise<void>,
): Promise<void> {
  using backend = await openBackend({ backend: "wasm" });
  const files = modelFiles(tinyConfig, parameters, lemmaChain, "f32");
  const sources = [...files].map(([name, bytes]) => bufferSource(name, bytes));
  using model = await loadModel(sources, { backend });
  await use(backend, model);
}

for (const name of ["gkv", "snapkv", "rkv", "h2oDecayed", "streaming"]) {
  Deno.test(`A training pass under ${name}'s mask repeats the generation's log-probabilities`, async () => {
    const policy = { ...policies[name]!(), window: 4, interval };
    await withModel(async (backend, model) => {
      const { rows, until } = await generate(backend, model, policy, [20]);
      assertLess(difference(rows, until), 1e-4);
    });
  });
}

Deno.test("untilEvicted() knows evictions in a prompt that comes in chunks", async () => {
  const policy = gkv({ window: 4, interval });
  await withModel(async (backend, model) => {
    const chunks = [32, 8, 1, 4, 3];
    const { rows, until } = await generate(backend, model, policy, chunks);
    assertLess(difference(rows, until), 1e-4);
  });
});

Deno.test("A mask that is one token off is told from the right one", async () => {
  await withModel(async (backend, model) => {
    const policy = gkv({ window: 4, interval });
    const { rows, until } = await generate(backend, model, policy, [20]);
    for (const shift of [-1, 1, interval]) {
      const off = until.map((end) => end < tokens ? end + shift : end);
      assertGreater(difference(rows, off), 1e-2);
    }
  });
});

Deno.test("untilEvicted() keeps the first eviction of a key and cuts at the text's end", () => {
  const record = (layer: number, seen: number, kept: number[][]) => ({
    layer,
    seen,
    positions: kept.map((positions) => Int32Array.from(positions)),
    select: [],
    history: [],
  });
  const until = untilEvicted({ layers: 2, kvHeads: 2 }, [
    record(0, 3, [[0, 2], [1, 2]]),
    record(0, 6, [[2, 5], [4, 5]]),
  ], 5);
  const never = 2 ** 30;
  assertEquals(Array.from(until.slice(0, 5)), [6, 3, never, 6, 6]);
  assertEquals(Array.from(until.slice(5, 10)), [3, 6, 6, 6, never]);
  assertEquals(new Set(until.slice(10)), new Set([never]));
});
