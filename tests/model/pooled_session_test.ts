import { assert, assertEquals, assertThrows } from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Session } from "../../model/session.ts";
import { prompt, tiny } from "../gpu/tiny.ts";

const settings = {
  budget: { tokens: 120 },
  policy: gkv({ window: 4, interval: 8 }),
  dtype: "f32",
} as const;

/** Goes on with a text, and does something in between. */
async function generate(
  session: Session,
  runAhead: number,
  between: (token: number) => unknown = () => {},
): Promise<void> {
  const start = session.tokens.length === 0 ? prompt : [];
  const options = { maxTokens: 40, runAhead };
  let token = 0;
  for await (const _ of session.generateTokens(start, options)) {
    await between(++token);
  }
}

/** The texts of three sessions that come while others are being generated. */
async function texts(runAhead: number): Promise<(readonly number[])[]> {
  using backend = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  using pool = model.pool(settings);
  const sessions = [model.session({ pool })];
  const [first] = sessions;
  await generate(first, runAhead, async (token) => {
    if (token !== 21) return;
    const second = model.session({ pool, weight: 2 });
    sessions.push(second);
    await generate(second, runAhead, (token) => {
      if (token === 13) sessions.push(model.session({ pool }));
    });
    assert(first.cache.stats().cached <= first.cache.slots);
  });
  const [, second, third] = sessions;
  second.dispose();
  await generate(third, runAhead);
  await generate(first, runAhead);
  const { bytes, budgetBytes } = pool.stats();
  assert(bytes <= budgetBytes);
  return sessions.map(({ tokens }) => [...tokens]);
}

Deno.test("Session in a pool generates the same whatever was computed ahead", async () => {
  const expected = await texts(1);
  assertEquals(expected.map(({ length }) => length), [120, 80, 80]);
  assertEquals(await texts(8), expected);
});

Deno.test("Session alone in a pool generates what one with that budget does", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  using pool = model.pool({ ...settings, budget: { tokens: 40 } });
  using pooled = model.session({ pool });
  using alone = model.session({ ...settings, budget: { tokens: 32 } });
  for (const session of [pooled, alone]) await generate(session, 1);
  assertEquals(pooled.tokens, alone.tokens);
  assertEquals(pooled.cache.stats().evictions, alone.cache.stats().evictions);
});

Deno.test("Model.session() waits for room in a pool", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  using pool = model.pool(settings);
  const first = model.session({ pool, least: 100 });
  assertThrows(() => model.session({ pool, least: 90 }), RangeError, "admit");
  const waiting = model.session({ pool, least: 90, admit: "wait" });
  assertEquals(pool.stats().waiting, 1);
  first.dispose();
  using second = await waiting;
  await generate(second, 1);
  assertEquals(second.cache.slots, 120);
});

Deno.test("Model.session() refuses what a pool decides, and shares without one", async () => {
  using backend = await openBackend({ backend: "wasm" });
  using other = await openBackend({ backend: "wasm" });
  using model = await tiny(backend);
  using pool = model.pool(settings);
  using elsewhere = await tiny(other);
  const refuses = (make: () => Session, message: string) =>
    assertThrows(make, TypeError, message);
  refuses(
    () => model.session({ pool, budget: { tokens: 9 } }),
    "its budget is the pool's",
  );
  refuses(() => elsewhere.session({ pool }), "another model or backend");
  refuses(() => model.session({ least: 9 }), "a pool is needed");
  assertEquals(pool.stats().sequences, []);
});
