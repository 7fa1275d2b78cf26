import { assert, assertEquals, assertLess } from "@std/assert";
import { full } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import { loadModel } from "../../model/model.ts";
import { exportModel } from "../../train/export.ts";
import { initialParameters } from "../../train/initial.ts";
import { type Batch, makeLearner } from "../../train/learner.ts";
import { Random } from "../../train/random.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";
import { encodeText } from "../../train/tasks/task.ts";
import { everVisible } from "../../train/twin.ts";
import { parameterCount, parametersOf } from "../../train/twin_config.ts";
import { relativeError } from "../kernels/numbers.ts";
import { tinyConfig } from "./tiny.ts";

const tokens = 144; // more than one block of queries
const shape = [2, tokens];
const learner = await makeLearner(tinyConfig, "crossEntropy");

/** Norms that are not 1, so that they matter. */
function parameters(): Float32Array<ArrayBuffer> {
  const random = new Random(9);
  return initialParameters(tinyConfig, 4).map((value) =>
    value + 0.1 * random.normal()
  );
}

function batchOf(until = everVisible(tinyConfig, 2, tokens)): Batch {
  const texts = [0, 1].map((i) =>
    encodeText(lemmaChain, lemmaChain.problem(1, i).text)
  );
  const part = (from: number) =>
    Int32Array.from(texts.flatMap((ids) => ids.slice(from, from + tokens)));
  const weights = Float32Array.from(
    { length: 2 * tokens },
    (_, i) => (1 + i % 3) / (4 * tokens),
  );
  return {
    ids: { data: part(0), shape },
    until: {
      data: until,
      shape: [2, tinyConfig.layers, tinyConfig.kvHeads, tokens],
    },
    targets: { data: part(1), shape },
    weights: { data: weights, shape },
  };
}

function logitsOf(
  values: Float32Array<ArrayBuffer>,
  { ids, until }: Batch,
): Float32Array {
  return learner.logits(values, { ids: ids!, until: until! });
}

Deno.test("The twin's logits agree with the WASM decoder's on the exported folder", async () => {
  const values = parameters();
  const batch = batchOf();
  const logits = logitsOf(values, batch);
  const folder = await Deno.makeTempDir();
  try {
    await exportModel(folder, tinyConfig, values, lemmaChain, "f32");
    using backend = await openBackend({ backend: "wasm" });
    using model = await loadModel(folder, { backend });
    const { vocabulary } = tinyConfig;
    for (const row of [0, 1]) {
      using session = model.session({ policy: full(), dtype: "f32" });
      for (let at = 0; at < tokens; at += 72) {
        const start = row * tokens + at;
        const ids = batch.ids!.data.slice(start, start + 72);
        model.decoder.forward(ids, at, session.cache, "prompt");
        const rows = await backend.read(model.decoder.logits(72, 72), 72);
        const own = logits.slice(start * vocabulary, (start + 72) * vocabulary);
        assertLess(relativeError(own, rows), 1e-4);
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("exportModel() writes a tokenizer of one token per character", async () => {
  const folder = await Deno.makeTempDir();
  try {
    await exportModel(folder, tinyConfig, parameters(), lemmaChain);
    using backend = await openBackend({ backend: "wasm" });
    using model = await loadModel(folder, { backend });
    const { text } = lemmaChain.problem(1, 0);
    const ids = model.tokenizer!.encode(text);
    assertEquals(ids, encodeText(lemmaChain, text));
    assertEquals(model.tokenizer!.decode(ids), text);
    assertEquals(model.tokenizer!.endTokens, encodeText(lemmaChain, "."));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("The twin's gradient agrees with finite differences in every parameter", () => {
  const values = parameters();
  const batch = batchOf();
  const { gradient } = learner.learn(values, batch);
  const random = new Random(5);
  for (const { name, offset, size } of parametersOf(tinyConfig)) {
    const direction = new Float32Array(size).map(() => random.normal());
    const slope = gradient.subarray(offset, offset + size)
      .reduce((sum, g, i) => sum + g * direction[i]!, 0);
    const lossAt = (distance: number) => {
      const moved = values.slice();
      direction.forEach((d, i) => moved[offset + i]! += distance * d);
      return learner.learn(moved, batch).loss;
    };
    const step = 0.004;
    const near = (lossAt(step) - lossAt(-step)) / (2 * step);
    const far = (lossAt(2 * step) - lossAt(-2 * step)) / (4 * step);
    const difference = (4 * near - far) / 3;
    // Losses of f32 are known to some 3e-7, slopes therefore to 1e-4.
    const tolerance = 1e-2 * Math.abs(slope) + 3e-4;
    assertLess(Math.abs(difference - slope), tolerance, name);
  }
});

Deno.test("The twin sees no key from the position on that `until` gives", () => {
  const values = parameters();
  const { layers, kvHeads, vocabulary } = tinyConfig;
  const plain = logitsOf(values, batchOf());
  const until = everVisible(tinyConfig, 2, tokens);
  // The second text loses token 10 at position 100, in all layers and heads.
  for (let i = 0; i < layers * kvHeads; i++) {
    until[(layers * kvHeads + i) * tokens + 10] = 100;
  }
  const masked = logitsOf(values, batchOf(until));
  const rowsAgree = (from: number, to: number) =>
    relativeError(
      masked.slice(from * vocabulary, to * vocabulary),
      plain.slice(from * vocabulary, to * vocabulary),
    ) < 1e-6;
  assert(rowsAgree(0, tokens + 100));
  for (let i = 100; i < tokens; i++) {
    assert(!rowsAgree(tokens + i, tokens + i + 1), `position ${i}`);
  }
});

Deno.test("A token that is never seen again cannot be told from another one", () => {
  const values = parameters();
  const { layers, kvHeads, vocabulary } = tinyConfig;
  const until = everVisible(tinyConfig, 2, tokens);
  for (let i = 0; i < 2 * layers * kvHeads; i++) until[i * tokens + 130] = 131;
  const batch = batchOf(until);
  const before = logitsOf(values, batch);
  const ids = batch.ids!.data.slice();
  ids[130] = (ids[130]! + 5) % 40;
  const after = logitsOf(values, { ...batch, ids: { data: ids, shape } });
  const rows = (logits: Float32Array, from: number, to: number) =>
    logits.slice(from * vocabulary, to * vocabulary);
  assertLess(
    relativeError(rows(after, 131, 144), rows(before, 131, 144)),
    1e-6,
  );
  assert(relativeError(rows(after, 130, 131), rows(before, 130, 131)) > 1e-2);
});

Deno.test("parametersOf() leaves no gap and no overlap", () => {
  let end = 0;
  for (const { offset, size, shape } of parametersOf(tinyConfig)) {
    assertEquals(offset, end);
    assertEquals(size, shape.reduce((product, n) => product * n, 1));
    end = offset + size;
  }
  assertEquals(end, parameterCount(tinyConfig));
});
