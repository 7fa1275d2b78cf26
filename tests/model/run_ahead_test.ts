import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { full, gkv, streaming } from "../../cache/policies/mod.ts";
import { DeviceLostError } from "../../gpu/error.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { GenerateOptions } from "../../model/generation.ts";
import type { Model } from "../../model/model.ts";
import type { SessionOptions } from "../../model/session_options.ts";
import type { Session } from "../../model/session.ts";
import { prompt, settings, tiny } from "../gpu/tiny.ts";
import { losing } from "./losing.ts";

const ignore = !await navigator.gpu?.requestAdapter() &&
  Deno.env.get("GKV_REQUIRE_GPU") !== "1";
const why = ignore ? " (skipped: no WebGPU adapter)" : "";

const depths = [1, 4, 8];

/** A way to end a generation. */
type Ending = (session: Session, options: GenerateOptions) => Promise<unknown>;

async function all(
  session: Session,
  options: GenerateOptions,
  ids: number[] = prompt,
): Promise<number[]> {
  const out: number[] = [];
  for await (const id of session.generateTokens(ids, options)) out.push(id);
  return out;
}

/** Everything that shows what state a session is in. */
async function stateOf({ cache, tokens, generation }: Session) {
  const { layers, kvHeads } = cache.shape;
  const positions = await Promise.all(
    Array.from(
      { length: layers * kvHeads },
      (_, i) => cache.positions(i % layers, Math.floor(i / layers)),
    ),
  );
  const { promptTokens, stopReason } = generation!;
  const said = [...generation!.tokens];
  const stats = cache.stats();
  return { positions, stats, promptTokens, stopReason, said, all: [...tokens] };
}

/**
 * States after a generation that ends in some way, after an eviction right
 * then, which looks at all the last queries, and after a short second turn.
 */
async function statesAfter(
  model: Model,
  ending: Ending,
  options: GenerateOptions,
  session: SessionOptions,
): Promise<unknown[]> {
  const states: unknown[] = [];
  for (const evicts of [false, true]) {
    using running = model.session(session);
    states.push(await ending(running, options), await stateOf(running));
    if (evicts) running.cache.evict();
    await all(running, { ...options, maxTokens: 20 }, [30, 31]);
    states.push(await stateOf(running));
  }
  return states;
}

const endings: Record<string, Ending> = {
  "after all tokens": (session, options) =>
    all(session, { ...options, maxTokens: 22 }),
  "where it is left": async (session, options) => {
    const out: number[] = [];
    for await (const id of session.generateTokens(prompt, options)) {
      if (out.push(id) === 12) break;
    }
    return out;
  },
  "at an abort": async (session, options) => {
    const controller = new AbortController();
    const { signal } = controller;
    const out: number[] = [];
    const ids = session.generateTokens(prompt, { ...options, signal });
    for await (const id of ids) if (out.push(id) === 11) controller.abort();
    return out;
  },
  "at a stop text": async (session, options) => {
    let text = "";
    const pieces = session.generate("Hello", { ...options, stop: ["a", "2"] });
    for await (const piece of pieces) text += piece;
    assertEquals(session.generation!.stopReason, "stopText");
    return text;
  },
};

const samplings: Record<string, GenerateOptions> = {
  greedy: {},
  drawn: { temperature: 1.2, topP: 0.9, seed: 6 },
};

async function expectAlike(
  backend: Backend,
  ending: Ending,
  options: GenerateOptions,
  session: SessionOptions = settings,
): Promise<void> {
  using model = await tiny(backend);
  const run = (runAhead: number) =>
    statesAfter(model, ending, { ...options, runAhead }, session);
  const expected = await run(1);
  for (const depth of depths) assertEquals(await run(depth), expected);
}

for (const [when, ending] of Object.entries(endings)) {
  Deno.test(`Session.generate() ends ${when} alike for every runAhead`, async () => {
    using backend = await openBackend({ backend: "wasm" });
    const stops = when === "at a stop text";
    const drawn = { temperature: 1.2, topP: 0.9, seed: 6 };
    for (const options of stops ? [drawn] : Object.values(samplings)) {
      for (const interval of [3, 8, 30]) {
        const policy = gkv({ interval });
        await expectAlike(backend, ending, options, { ...settings, policy });
      }
      await expectAlike(backend, ending, options, { policy: full() });
      const policy = streaming({ interval: 5 });
      await expectAlike(backend, ending, options, { ...settings, policy });
    }
  });

  Deno.test({
    name: `Session.generate() on WebGPU ends ${when} alike for every runAhead` +
      why,
    ignore,
    fn: async () => {
      using backend = await openBackend({ backend: "webgpu" });
      await expectAlike(backend, ending, samplings.drawn);
    },
  });
}

Deno.test("Session.generate() ends at an end token alike for every runAhead", async () => {
  using backend = await openBackend({ backend: "wasm" });
  let ended = 0;
  const ending: Ending = async (session, options) => {
    const out = await all(session, { ...options, maxTokens: 300 });
    if (session.generation!.stopReason === "endToken") ended++;
    return out;
  };
  for (let seed = 0; seed < 6; seed++) {
    await expectAlike(backend, ending, { temperature: 3, seed });
  }
  assert(ended > 0);
});

Deno.test("Session.generate() penalises alike for every runAhead", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const options = { repetitionPenalty: 1.5 };
  await expectAlike(backend, endings["after all tokens"], options);
});

Deno.test("Session.generate() delivers what there is room for with any runAhead", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  for (const runAhead of depths) {
    using session = model.session({ policy: full(), budget: { tokens: 50 } });
    const message = "a budget of 51 tokens is needed";
    await assertRejects(() => all(session, { runAhead }), RangeError, message);
    assertEquals(session.tokens.length, 51);
    assertEquals(session.cache.seen, 50);
  }
});

Deno.test("Session.generate() refuses a runAhead out of range", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  using session = model.session(settings);
  for (const runAhead of [0, 9, 1.5]) {
    await assertRejects(() => all(session, { runAhead }), RangeError, "1 to 8");
  }
});

Deno.test("Session.generate() goes on after a lost device with any runAhead", async () => {
  const run = async (reads: number, runAhead: number) => {
    using backend = await openBackend({ backend: "wasm" });
    using model = await tiny(losing(backend, reads));
    using session = model.session(settings);
    const options = { ...samplings.drawn, maxTokens: 40, runAhead };
    const first = await all(session, options);
    const second = await all(session, options, [30, 31]);
    return [first, second, await stateOf(session)];
  };
  const unbroken = await run(Infinity, 1);
  for (const depth of depths) {
    for (const reads of [0, 1, 2, 5, 8]) {
      assertEquals(await run(reads, depth), unbroken);
    }
  }
});

Deno.test("Session fails with the loss without fallback, and as if not run ahead", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const seen = [];
  for (const runAhead of depths) {
    using model = await tiny(losing(backend, 1));
    using session = model.session(settings);
    const options = { runAhead, fallback: false };
    await assertRejects(() => all(session, options), DeviceLostError);
    seen.push([session.tokens.length, session.cache.seen]);
  }
  assertEquals(seen, [[41, 41], [41, 41], [41, 41]]);
});

Deno.test({
  name: `Session reads once for as many tokens as it runs ahead${why}`,
  ignore,
  fn: async () => {
    using backend = await openBackend({ backend: "webgpu" });
    using model = await tiny(backend);
    using session = model.session({ policy: full(), dtype: "f32" });
    for (const runAhead of depths) {
      await all(session, { maxTokens: 1 });
      const before = session.stats().gpu!;
      // The first one is on its own.
      await all(session, { maxTokens: 17, runAhead }, []);
      const after = session.stats().gpu!;
      assertEquals(after.readBacks - before.readBacks, 1 + 16 / runAhead);
      assertEquals(after.submits - before.submits, 17);
    }
  },
});

Deno.test({
  name: `Session runs ahead by itself where a read takes time${why}`,
  ignore,
  fn: async () => {
    using backend = await openBackend({ backend: "webgpu" });
    using wasm = await openBackend({ backend: "wasm" });
    assertEquals(wasm.roundTrip, 0);
    assertNotEquals(backend.roundTrip, 0);
    using model = await tiny(backend);
    using session = model.session({ policy: full(), dtype: "f32" });
    await all(session, { maxTokens: 1 });
    const { readBacks } = session.stats().gpu!;
    await all(session, { maxTokens: 9 }, []);
    const depth = Math.min(Math.max(1, Math.ceil(backend.roundTrip)), 8);
    const reads = session.stats().gpu!.readBacks - readBacks;
    assertEquals(reads, 1 + Math.ceil(8 / depth));
  },
});
