import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { full, gkv, h2o, snapkv, streaming } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import {
  type BatchOptions,
  type BatchRequest,
  generateBatch,
} from "../../model/batch.ts";
import type { GenerateOptions } from "../../model/generation.ts";
import { loadModel, type Model } from "../../model/model.ts";
import { Sequence } from "../../model/sequence.ts";
import type { SessionOptions } from "../../model/session_options.ts";
import type { Session } from "../../model/session.ts";
import { prompt, tiny } from "../gpu/tiny.ts";
import { relativeError } from "../kernels/numbers.ts";
import { english } from "./english.ts";
import { losing } from "./losing.ts";

const noGpu = !await navigator.gpu?.requestAdapter() &&
  Deno.env.get("GKV_REQUIRE_GPU") !== "1";

/**
 * How far logits may be from those of a sequence alone. The CPU sums every row
 * alone, in the same order; a GPU has other kernels for several rows, and what
 * differs in its last bit may become another int8 in a cache.
 */
const tolerances = { reference: 0, wasm: 0, webgpu: 1e-3 };

/** Caches that have little in common, all of which evict soon. */
const settings: readonly SessionOptions[] = [
  { policy: gkv({ window: 4, interval: 8 }), budget: { tokens: 24 } },
  { policy: full(), budget: { tokens: 200 } },
  { policy: snapkv({ interval: 12 }), budget: { tokens: 40 }, dtype: "f16" },
  { policy: streaming({ interval: 9 }), budget: { tokens: 32 }, dtype: "int8" },
  { policy: h2o({ interval: 16 }), budget: { tokens: 40 }, reposition: true },
];

const promptOf = (i: number) => prompt.slice(i).map((id) => id + i);

const optionsOf = (i: number): GenerateOptions => ({
  maxTokens: 12 + 7 * i,
  ...(i % 2 ? { temperature: 1, seed: i } : {}),
  ...(i === 3 ? { repetitionPenalty: 1.3 } : {}),
});

/** A request of its own kind for each number. */
function requestOf(model: Model, i: number): BatchRequest {
  const session = model.session(settings[i % settings.length]);
  return { session, prompt: { ids: promptOf(i) }, ...optionsOf(i) };
}

async function alone(model: Model, i: number): Promise<number[]> {
  using session = model.session(settings[i % settings.length]);
  for await (const _ of session.generateTokens(promptOf(i), optionsOf(i)));
  return session.generation!.tokens;
}

/** Ids of every request, in their order. */
async function together(
  requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>,
  options?: BatchOptions,
): Promise<number[][]> {
  const out: number[][] = [];
  for await (const { index, id } of generateBatch(requests, options)) {
    out[index] ??= [];
    if (id !== undefined) out[index].push(id);
  }
  return out;
}

/** Logits after each of 40 tokens, of sequences that go on together or not. */
async function logitsOf(
  backend: Backend,
  model: Model,
  isBatch: boolean,
): Promise<Float32Array[]> {
  const sequences = settings.map((options) => new Sequence(model, options));
  for (const [i, sequence] of sequences.entries()) {
    sequence.push(promptOf(i));
    while (sequence.pending > 0) sequence.advance(true);
  }
  const rows: Float32Array[] = [];
  for (let step = 0; step < 40; step++) {
    for (const sequence of sequences) sequence.push([30 + step]);
    const groups = isBatch ? [sequences] : sequences.map((one) => [one]);
    for (const group of groups) {
      const logits = Sequence.decode(group);
      for (let i = 0; i < group.length; i++) {
        const row = backend.rows(logits, i, i + 1);
        rows.push(await backend.read(row) as Float32Array);
      }
    }
  }
  for (const sequence of sequences) {
    if (sequence.cache.policy.score !== "none") {
      assert(sequence.cache.stats().evictions > 1);
    }
    sequence.dispose();
  }
  return rows;
}

for (const place of ["reference", "wasm", "webgpu"] as const) {
  const ignore = place === "webgpu" && noGpu;
  const why = ignore ? " (skipped: no WebGPU adapter)" : "";

  Deno.test({
    name: `Sequence.decode() of several is that of each on ${place}${why}`,
    ignore,
    async fn() {
      using backend = await openBackend({ backend: place });
      const types = ["q4_1", "q8_0", "f16"] as const;
      // Software GPUs are slow.
      for (const type of place === "webgpu" ? types.slice(0, 1) : types) {
        using model = await tiny(backend, { type });
        const expected = await logitsOf(backend, model, false);
        const rows = await logitsOf(backend, model, true);
        for (const [i, row] of rows.entries()) {
          const error = relativeError(row, expected[i]);
          assert(error <= tolerances[place], `${type}: ${error}`);
        }
      }
    },
  });

  Deno.test({
    name: `generateBatch() gives each its own tokens on ${place}${why}`,
    ignore,
    async fn() {
      using backend = await openBackend({ backend: place });
      using model = await tiny(backend);
      const expected: number[][] = [];
      for (let i = 0; i < 5; i++) expected.push(await alone(model, i));
      const used: number[] = [];
      for (let round = 0; round < 2; round++) {
        const requests = expected.map((_, i) => requestOf(model, i));
        assertEquals(await together(requests), expected);
        for (const { session } of requests) session.dispose();
        used.push(backend.memory().used);
      }
      assertEquals(used[1], used[0]);
    },
  });
}

Deno.test("Decoder.forwardBatch() takes chunks of several texts at once", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const lengths = [1, 5, 16, 3];
  const texts = lengths.map((n, i) => prompt.slice(i, i + n));
  const phase = "promptEnd" as const;
  const caches = () =>
    lengths.map(() => model.session({ policy: full() }).cache);
  const single = [];
  for (const [i, cache] of caches().entries()) {
    model.decoder.forward(texts[i], 0, cache, phase);
    single.push(...await backend.read(model.decoder.logits(lengths[i])));
    cache.dispose();
  }
  const several = caches();
  model.decoder.forwardBatch(
    texts.flat(),
    several.map((cache, i) => ({ cache, position: 0, n: lengths[i], phase })),
  );
  const all = await backend.read(model.decoder.logits(25, 25));
  const { vocabulary } = model.config;
  const ends = [0, 5, 21, 24].map((row) => row * vocabulary);
  assertEquals(
    ends.flatMap((at) => [...all.slice(at, at + vocabulary)]),
    single,
  );
  for (const cache of several) cache.dispose();
});

Deno.test("Decoder.forwardBatch() refuses without room and changes nothing", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using roomy = model.session({ policy: full(), budget: { tokens: 200 } });
  using tight = model.session({ policy: full(), budget: { tokens: 4 } });
  const stretches = (n: number) =>
    [roomy, tight].map(({ cache }) => ({
      cache,
      position: 0,
      n,
      phase: "prompt" as const,
    }));
  for (const n of [5, 65]) {
    const ids = Array.from({ length: 2 * n }, () => 20);
    assertThrows(
      () => model.decoder.forwardBatch(ids, stretches(n)),
      RangeError,
      n === 5 ? "a budget of 5 tokens" : "at most 128",
    );
    assertEquals([roomy.cache.room(), tight.cache.room()], [200, 4]);
  }
});

Deno.test("generateBatch() lets the next begin when one ends", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const expected: number[][] = [];
  for (let i = 0; i < 6; i++) expected.push(await alone(model, i));
  const running = new Set<number>();
  let most = 0;
  function* requests(): Iterable<BatchRequest> {
    for (let i = 0; i < 6; i++) {
      running.add(i);
      most = Math.max(most, running.size);
      yield requestOf(model, i);
    }
  }
  const out: number[][] = expected.map(() => []);
  for await (
    const piece of generateBatch(requests(), { sequences: 2 })
  ) {
    if (piece.id !== undefined) out[piece.index].push(piece.id);
    else {
      assert(piece.session.generation!.stopReason);
      running.delete(piece.index);
      piece.session.dispose();
    }
  }
  assertEquals(out, expected);
  assertEquals([most, running.size], [2, 0]);
});

Deno.test("generateBatch() takes requests that come while others go on", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const expected = [await alone(model, 2), await alone(model, 1)];
  const started = Promise.withResolvers<void>();
  const order: number[] = [];
  async function* requests() {
    yield requestOf(model, 2);
    await started.promise;
    yield requestOf(model, 1);
  }
  const out: number[][] = [[], []];
  for await (const { index, id } of generateBatch(requests())) {
    order.push(index);
    if (id !== undefined && out[index].push(id) === 3) started.resolve();
  }
  assertEquals(out, expected);
  // The second one begins amid the first.
  const joins = order.indexOf(1);
  assert(joins >= 3 && joins < order.lastIndexOf(0), `${order}`);
});

Deno.test("generateBatch() gives the text of each and ends at its stop text", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const options = { maxTokens: 40, temperature: 1.2, seed: 5 };
  const prompts = ["Hello", "Goodbye", "Hello"];
  const answers: string[] = [];
  for (const prompt of prompts) {
    using session = model.session();
    let answer = "";
    for await (const text of session.generate(prompt, options)) answer += text;
    answers.push(answer);
  }
  const stop = answers[2].slice(6, 9);
  answers[2] = answers[2].slice(0, answers[2].indexOf(stop));
  const requests = prompts.map((prompt, i) => ({
    ...options,
    session: model.session(),
    prompt,
    stop: i === 2 ? [stop] : [],
  }));
  const out = prompts.map(() => "");
  for await (const { index, text } of generateBatch(requests)) {
    out[index] += text;
  }
  assertEquals(out, answers);
  const reasons = requests.map(({ session }) => session.generation!.stopReason);
  assertEquals(reasons[2], "stopText");
});

Deno.test("generateBatch() ends one or all at an abort", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const [one, all] = [new AbortController(), new AbortController()];
  const requests = [0, 1, 2].map((i) => ({
    session: model.session(),
    prompt: { ids: promptOf(i) },
    maxTokens: 100,
    ...(i === 1 ? { signal: one.signal } : {}),
  }));
  const counts = [0, 0, 0];
  const { signal } = all;
  for await (const { index, id } of generateBatch(requests, { signal })) {
    if (id !== undefined) counts[index]++;
    if (counts[1] === 4) one.abort();
    if (counts[2] === 9) all.abort();
  }
  assertEquals(counts, [9, 4, 9]);
  for (const { session } of requests) {
    assertEquals(session.generation!.stopReason, "aborted");
  }
});

Deno.test("generateBatch() that waits for requests ends at an abort", async () => {
  const { signal, abort } = controllerOf();
  const requests: AsyncIterable<BatchRequest> = {
    [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => {}) }),
  };
  const pieces = together(requests, { signal });
  abort();
  assertEquals(await pieces, []);
});

function controllerOf(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

/** That a session is idle, and holds its prompt and so many tokens. */
async function checkHolds(session: Session, i: number, count: number) {
  assertEquals(session.tokens.length, promptOf(i).length + count);
  for await (const _ of session.generateTokens([], { maxTokens: 1 }));
  assertEquals(session.cache.seen, session.tokens.length - 1);
}

Deno.test("generateBatch() leaves every session with what it was given", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const requests = [0, 1, 2].map((i) => requestOf(model, i));
  const counts = [0, 0, 0];
  for await (const { index } of generateBatch(requests)) {
    if (++counts[index] === 5) break;
  }
  for (const [i, { session }] of requests.entries()) {
    const { tokens } = session.generation!;
    // One that was not given any more is there, too.
    assert([0, 1].includes(tokens.length - counts[i]));
    await checkHolds(session, i, session.generation!.tokens.length);
  }
});

Deno.test("generateBatch() refuses, and the others are idle again", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const [first, second] = [requestOf(model, 0), requestOf(model, 1)];
  await assertRejects(
    () => together([first, second, { ...first }]),
    TypeError,
    "another generation",
  );
  await checkHolds(first.session, 0, 0);
  await checkHolds(second.session, 1, 0);
  for (const sequences of [0, 1.5, 129]) {
    await assertRejects(() => together([], { sequences }), RangeError);
  }
  function* failing(): Iterable<BatchRequest> {
    yield requestOf(model, 0);
    throw new SyntaxError("no more");
  }
  await assertRejects(() => together(failing()), SyntaxError, "no more");
});

Deno.test("generateBatch() goes on after a lost device", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const run = async (reads: number) => {
    using model = await tiny(losing(backend, reads));
    return await together([0, 1, 2].map((i) => requestOf(model, i)));
  };
  const unbroken = await run(Infinity);
  for (const reads of [0, 1, 4, 9]) assertEquals(await run(reads), unbroken);
});

const path = Deno.env.get("GKV_TEST_MODEL");

Deno.test({
  name: `SmolLM2 answers 8 at once as one by one${
    path ? "" : " (skipped: GKV_TEST_MODEL is not set)"
  }`,
  ignore: path === undefined,
  async fn() {
    using backend = await openBackend({ backend: "wasm" });
    using model = await loadModel(path!, { backend });
    const text = model.tokenizer!.encode(english);
    const requests = Array.from({ length: 8 }, (_, i) => ({
      session: model.session({ policy: gkv(), budget: { tokens: 64 } }),
      prompt: { ids: text.slice(10 * i, 25 * i + 12) },
      maxTokens: 24,
    }));
    const answers = await together(requests);
    for (const [i, { session, prompt, maxTokens }] of requests.entries()) {
      session.reset();
      for await (const _ of session.generateTokens(prompt.ids, { maxTokens }));
      assertEquals(session.generation!.tokens, answers[i]);
      session.dispose();
    }
  },
});
