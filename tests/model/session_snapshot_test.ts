import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { open, seal } from "../../cache/snapshot/envelope.ts";
import { SnapshotError } from "../../cache/snapshot/error.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import type { GenerateOptions } from "../../model/generation.ts";
import { loadModel, type Model } from "../../model/model.ts";
import { uniform } from "../../model/sampling/random.ts";
import type { SessionOptions } from "../../model/session_options.ts";
import type { Session } from "../../model/session.ts";
import { places } from "../kernels/places.ts";
import { tinyGguf, type TinyOptions } from "./fixtures.ts";
import { losing } from "./losing.ts";

async function tiny(
  backend: Backend,
  options: TinyOptions = {},
): Promise<Model> {
  const file = tinyGguf({ type: "q4_1", ...options });
  return await loadModel([bufferSource("tiny.gguf", file)], { backend });
}

async function ids(
  session: Session,
  prompt: readonly number[],
  options: GenerateOptions = {},
): Promise<number[]> {
  const out: number[] = [];
  for await (const id of session.generateTokens(prompt, options)) out.push(id);
  return out;
}

const prompt = Array.from({ length: 50 }, (_, i) => 20 + (i * 31) % 200);
const bounded: SessionOptions = {
  budget: { tokens: 24 },
  policy: gkv({ interval: 8 }),
};
const options = { maxTokens: 30, temperature: 1, seed: 8 };

/** What a session says from here on, in two turns, and what it holds then. */
async function rest(session: Session): Promise<unknown> {
  const first = await ids(session, [30, 31], options);
  const second = await ids(session, [32], { maxTokens: 20 });
  const positions = await session.cache.positions(1, 1);
  return [first, second, session.tokens, session.cache.stats(), positions];
}

for (const backend of places) {
  Deno.test(`Session restored or forked says the same on ${backend.name}`, async () => {
    using model = await tiny(backend);
    for (const dtype of ["f32", "int8"] as const) {
      using session = model.session({ ...bounded, dtype, reposition: true });
      await ids(session, prompt, options);
      const bytes = await session.save();
      using restored = await model.restoreSession(bytes);
      using fork = session.fork();
      const expected = await rest(fork);
      assertEquals(await rest(restored), expected);
      assertEquals(await rest(session), expected);
    }
  });
}

Deno.test("Session restored replays its text when its device is lost", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session({ ...bounded, protectPrompt: true });
  await ids(session, prompt, options);
  const bytes = await session.save();
  const expected = await rest(session);
  for (const reads of [0, 3, 20]) {
    using unlucky = await tiny(losing(backend, reads));
    using restored = await unlucky.restoreSession(bytes);
    using fork = restored.fork();
    assertEquals(await rest(restored), expected);
    assertEquals(await rest(fork), expected);
  }
});

Deno.test("Session.fork() lets one prompt go on in many ways", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  await ids(session, prompt, { maxTokens: 1 });
  const { seen } = session.cache;
  for (let seed = 0; seed < 3; seed++) {
    using fork = session.fork();
    using fresh = model.session();
    const sampled = { maxTokens: 20, temperature: 1, seed };
    const start = await ids(fresh, prompt, { maxTokens: 1 });
    assertEquals(start, session.tokens.slice(-1));
    assertEquals(await ids(fork, [], sampled), await ids(fresh, [], sampled));
    assertEquals(fork.generation!.promptTokens, 1);
  }
  assertEquals(session.cache.seen, seen);
  assertEquals(session.tokens.length, prompt.length + 1);
});

Deno.test("Session is not saved or forked while it generates", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session();
  const running = session.generateTokens(prompt);
  await running.next();
  await assertRejects(() => session.save(), TypeError, "Cannot save");
  assertThrows(() => session.fork(), TypeError, "Cannot fork");
  await running.return();
  await session.save();
});

Deno.test("Model.restoreSession() refuses what is of another model", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session(bounded);
  await ids(session, prompt, options);
  const bytes = await session.save();
  const cache = await session.cache.save();
  const refused = (model: Model, bytes: Uint8Array, message: string) =>
    assertRejects(() => model.restoreSession(bytes), SnapshotError, message);
  await refused(model, cache, 'its kind is "cache"');
  for (
    const other of [{ seed: 2 }, { contextLength: 600 }, { headDim: 8 }]
  ) {
    using another = await tiny(backend, other);
    const { used } = backend.memory();
    await refused(another, bytes, "its fingerprint is");
    assertEquals(backend.memory().used, used);
  }
  using same = await tiny(backend);
  (await same.restoreSession(bytes)).dispose();
});

Deno.test("Model.restoreSession() refuses a text that is not the cache's", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session(bounded);
  await ids(session, prompt, options);
  const { header, payload } = await open(await session.save());
  const { tokens } = header as { tokens: number };
  const { used } = backend.memory();
  const refused = async (step: number[], message: string) => {
    const data = payload.slice();
    new Int32Array(data.buffer, 4 * tokens, 3).set(step);
    const forged = await seal(header, Promise.resolve([data]));
    await assertRejects(
      () => model.restoreSession(forged),
      SnapshotError,
      message,
    );
  };
  await refused([0, 1, 1], "its cache has seen");
  await refused([0, 128, 9], "its steps are of");
  await refused([3, 1, 1], "its step 0 is of phase 3");
  await refused([0, 129, 1], "its step 0");
  await refused([0, 1, -1], "its step 0");
  assertEquals(backend.memory().used, used);
});

/** Whole numbers below `n`, the same every time. */
function dice(seed: number): (n: number) => number {
  let counter = 0;
  return (n) => Math.floor(uniform(seed, counter++) * n);
}

Deno.test("Model.restoreSession() refuses mutations and forgeries of a snapshot", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using session = model.session(bounded);
  await ids(session, prompt, options);
  const bytes = await session.save();
  const { header, payload } = await open(bytes);
  const { used } = backend.memory();
  const roll = dice(3);
  for (let i = 0; i < 1000; i++) {
    const wrong = bytes.slice(0, i % 2 ? roll(bytes.length) : bytes.length);
    if (i % 2 === 0) wrong[roll(bytes.length)] ^= 1 << roll(8);
    await assertRejects(() => model.restoreSession(wrong), SnapshotError);
  }
  const counts = ["tokens", "steps", "kind", "hasWarned"];
  for (let i = 0; i < 1000; i++) {
    const data = payload.slice();
    // The words of tokens and steps; what comes after them has its own sum.
    const word = [-1, 0, 300, 2 ** 31 - 1][roll(4)];
    new DataView(data.buffer).setInt32(4 * roll(110), word, true);
    const claims = i % 2
      ? {}
      : { [counts[roll(4)]]: [-1, 0, 99, 1e9][roll(4)] };
    const said = { ...header as object, ...claims };
    const forged = await seal(said, Promise.resolve([data]));
    await model.restoreSession(forged).then(
      (valid) => valid.dispose(),
      (error) => assert(error instanceof SnapshotError, error.stack),
    );
  }
  assertEquals(backend.memory().used, used);
});
