import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { full, gkv, sepllm } from "../../cache/policies/mod.ts";
import { DeviceLostError } from "../../gpu/error.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { loadModel, type Model } from "../../model/model.ts";
import type { GenerateOptions } from "../../model/generation.ts";
import type { Session } from "../../model/session.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import { tinyGguf } from "./fixtures.ts";
import { losing } from "./losing.ts";

/** A tiny model with random weights: it babbles, but always the same. */
async function tiny(backend: Backend, contextLength = 512): Promise<Model> {
  const file = tinyGguf({ type: "q4_1", contextLength });
  return await loadModel([bufferSource("tiny.gguf", file)], { backend });
}

async function ids(
  session: Session,
  prompt: number[],
  options: GenerateOptions = {},
): Promise<number[]> {
  const out: number[] = [];
  for await (const id of session.generateTokens(prompt, options)) out.push(id);
  return out;
}

async function text(
  session: Session,
  prompt: string,
  options: GenerateOptions = {},
): Promise<string> {
  let out = "";
  for await (const piece of session.generate(prompt, options)) out += piece;
  return out;
}

const prompt = Array.from({ length: 50 }, (_, i) => 20 + (i * 31) % 200);

Deno.test("Session with a budget beyond the text generates as with full", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using bounded = model.session({ budget: { tokens: 300 }, policy: gkv() });
  using whole = model.session({ budget: { tokens: 300 }, policy: full() });
  const options = { maxTokens: 200, temperature: 0.9, seed: 1 };
  const expected = await ids(whole, prompt, options);
  assertEquals(await ids(bounded, prompt, options), expected);
});

Deno.test("Session stays within its bytes at every step", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const budget = { bytes: 100_000 };
  const policy = gkv({ interval: 16 });
  using session = model.session({ budget, policy, dtype: "f32" });
  assert(session.cache.stats().budgetBytes <= 100_000);
  const long = Array.from({ length: 400 }, (_, i) => 20 + (i * 31) % 200);
  const onWarning = () => {};
  const options = { maxTokens: 300, temperature: 1, seed: 2, onWarning };
  for await (const _ of session.generateTokens(long, options)) {
    assert(session.cache.stats().bytes <= 100_000);
  }
  assertEquals(session.cache.stats().seen, session.tokens.length - 1);
  assert(session.cache.stats().evictions > 10);
});

Deno.test("Session generates alike for a seed, in one turn or in several", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const options = { maxTokens: 30, temperature: 1, seed: 3 };
  const whole = await ids(session, prompt, options);
  session.reset();
  assertEquals(await ids(session, prompt, options), whole);
  session.reset();
  // Greedy, since the sampler starts anew with every turn.
  const greedy = { maxTokens: 30 };
  const once = await ids(session, prompt, greedy);
  session.reset();
  const first = await ids(session, prompt, { maxTokens: 12 });
  const rest = await ids(session, [], { maxTokens: 18 });
  assertEquals([...first, ...rest], once);
});

Deno.test("Session goes on from the cache with the next turn", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session({ policy: full() });
  const said = await ids(session, prompt, { maxTokens: 5 });
  const more = [30, 31, 32];
  const answer = await ids(session, more, { maxTokens: 5 });
  assertEquals(session.generation!.promptTokens, 1 + more.length);
  using fresh = model.session({ policy: full() });
  const all = [...prompt, ...said, ...more];
  assertEquals(await ids(fresh, all, { maxTokens: 5 }), answer);
  assertEquals(session.tokens.slice(0, all.length), all);
});

Deno.test("Session.generate() gives the text of its tokens", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const options = { maxTokens: 60, temperature: 1.5, seed: 4 };
  const said = await text(session, "Hello", options);
  const { tokens } = session.generation!;
  const decoder = new TextDecoder();
  const bytes = tokens.flatMap((id) => [...model.tokenizer!.bytes(id)]);
  assertEquals(said, decoder.decode(Uint8Array.from(bytes)));
});

Deno.test("Session.generate() ends at maxTokens, a stop text and an abort", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const options = { maxTokens: 40, temperature: 1.2, seed: 5 };
  const whole = await text(session, "Hello", options);
  const reason = () => session.generation!.stopReason;
  assert(reason() === "maxTokens" || reason() === "endToken");
  const stop = whole.slice(6, 9);
  session.reset();
  const cut = await text(session, "Hello", { ...options, stop: [stop] });
  assertEquals(cut, whole.slice(0, whole.indexOf(stop)));
  assertEquals(reason(), "stopText");
  session.reset();
  const controller = new AbortController();
  const { signal } = controller;
  let count = 0;
  for await (const _ of session.generateTokens(prompt, { signal })) {
    if (++count === 3) controller.abort();
  }
  assertEquals([count, reason()], [3, "aborted"]);
});

Deno.test("Session aborted in its prompt goes on where it was", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const long = Array.from({ length: 300 }, (_, i) => 20 + (i * 31) % 200);
  const controller = new AbortController();
  const aborted = await ids(session, long, {
    signal: controller.signal,
    onPrompt: () => controller.abort(),
  });
  assertEquals([aborted.length, session.cache.seen], [0, 128]);
  const answer = await ids(session, [], { maxTokens: 5 });
  using fresh = model.session();
  assertEquals(await ids(fresh, long, { maxTokens: 5 }), answer);
});

Deno.test("Session ends at an end token", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const { endTokens } = model.tokenizer!;
  using session = model.session();
  let ended = 0;
  for (let seed = 0; seed < 20; seed++) {
    session.reset();
    const options = { maxTokens: 400, temperature: 3, seed };
    const out = await ids(session, prompt, options);
    const end = out.findIndex((id) => endTokens.includes(id));
    if (end < 0) continue;
    ended++;
    assertEquals(end, out.length - 1);
    assertEquals(session.generation!.stopReason, "endToken");
  }
  assert(ended > 0);
});

Deno.test("Session lets a consumer leave and come back", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  for await (const _ of session.generate("Hello", { temperature: 1 })) break;
  const held = session.tokens.length;
  await text(session, "Again", { maxTokens: 3 });
  assert(session.tokens.length > held);
});

Deno.test("Sessions of one model generate side by side as one by one", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const run = async (start: number) => {
    using session = model.session({ budget: { tokens: 32 } });
    const shifted = prompt.map((id) => id + start);
    return await ids(session, shifted, { maxTokens: 30 });
  };
  const apart = [await run(0), await run(1), await run(2)];
  assertEquals(await Promise.all([0, 1, 2].map(run)), apart);
});

Deno.test("Session refuses a second generation beside the first", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const running = session.generate("Hello");
  await running.next();
  await assertRejects(() => session.generate("x").next(), TypeError, "running");
  await running.return();
  await text(session, "x", { maxTokens: 1 });
});

Deno.test("Session refuses no tokens and ids that are none", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const refused = (prompt: number[], message: string) =>
    assertRejects(() => ids(session, prompt), RangeError, message);
  await refused([], "at least one");
  await refused([1, -1], "-1 is none");
  await refused([1, 1e9], "is none");
  assertEquals(session.tokens.length, 0);
  await ids(session, [1], { maxTokens: 1 });
});

Deno.test("Session warns once of a text beyond the model's context", async () => {
  using backend = await openBackend();
  using model = await tiny(backend, 64);
  using session = model.session({ budget: { tokens: 32 } });
  const warnings: string[] = [];
  const onWarning = (message: string) => warnings.push(message);
  await ids(session, prompt, { maxTokens: 5, onWarning });
  assertEquals(warnings, []);
  await ids(session, prompt, { maxTokens: 40, onWarning });
  assertEquals(warnings.length, 1);
  assertStringIncludes(warnings[0], "trained for 64");
});

Deno.test("Session with full and no room left says what is needed", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session({ policy: full(), budget: { tokens: 52 } });
  await assertRejects(
    () => ids(session, prompt, { maxTokens: 100 }),
    RangeError,
    "a budget of 53 tokens is needed",
  );
});

Deno.test("Session replays its text when its device is lost", async () => {
  const options = { maxTokens: 60, temperature: 1, seed: 8 };
  const budget = { tokens: 24 };
  const policy = gkv({ interval: 8 });
  const run = async (reads: number) => {
    using backend = await openBackend();
    using model = await tiny(losing(backend, reads));
    using session = model.session({ budget, policy });
    const first = await ids(session, prompt, options);
    const second = await ids(session, [30, 31], { ...options, seed: 9 });
    return [first, second, await session.cache.positions(1, 1)];
  };
  const unbroken = await run(Infinity);
  for (const reads of [0, 1, 7, 40]) assertEquals(await run(reads), unbroken);
});

Deno.test("Session without fallback fails with the loss", async () => {
  using backend = await openBackend();
  using model = await tiny(losing(backend, 5));
  using session = model.session();
  const options = { temperature: 1, seed: 8, fallback: false };
  await assertRejects(() => ids(session, prompt, options), DeviceLostError);
});

Deno.test("Session tells its cache where separators and newlines are", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const policy = sepllm({ window: 4, interval: 8 });
  using session = model.session({ budget: { tokens: 24 }, policy });
  const said = "one. two, three; four\nfive! ".repeat(8);
  const encoded = model.tokenizer!.encode(said);
  await ids(session, encoded, { maxTokens: 1 });
  const separators = [...encoded.keys()].filter((i) =>
    i >= 4 && i < encoded.length - 4 &&
    /^\s*[.,;:!?\n]+\s*$/.test(model.tokenizer!.decode([encoded[i]]))
  );
  assert(separators.length > 16);
  const held = [...await session.cache.positions(0, 0)];
  assertEquals(held.slice(4, 20), separators.slice(-16));
});

Deno.test("Session with reposition keeps rotary positions within the cache", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const policy = gkv({ window: 4, interval: 8 });
  const options = { budget: { tokens: 24 }, policy, reposition: true };
  using session = model.session({ ...options, dtype: "f32" });
  await ids(session, prompt, { maxTokens: 60 });
  const { cached, seen } = session.cache.stats();
  assertEquals(seen, prompt.length + 59);
  assertEquals(session.cache.position, cached);
  assert(cached < 32);
});

Deno.test("Session with dtype stores keys and values in less", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const bytes = (["f32", "f16", "int8"] as const).map((dtype) => {
    using session = model.session({ dtype });
    return session.cache.stats().budgetBytes;
  });
  assert(bytes[0] > bytes[1] && bytes[1] > bytes[2]);
});
