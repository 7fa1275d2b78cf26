import { assertEquals, assertRejects } from "@std/assert";
import { full, gkv } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import { generateBatch } from "../../model/batch.ts";
import type { Session } from "../../model/session.ts";
import { prompt, tiny } from "../gpu/tiny.ts";

const next = async (session: Session, maxTokens: number): Promise<number[]> => {
  const ids: number[] = [];
  for await (const id of session.generateTokens([], { maxTokens })) {
    ids.push(id);
  }
  return ids;
};

/** Generates together until an error, of which the message is given. */
async function fails(sessions: readonly Session[], message: string) {
  const ids = prompt.slice(0, 12);
  const requests = sessions.map((session) => ({ session, prompt: { ids } }));
  await assertRejects(
    async () => {
      for await (const _ of generateBatch(requests));
    },
    Error,
    message,
  );
}

Deno.test("generateBatch() leaves the others as they were when one has no room", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  using roomy = model.session({ budget: { tokens: 200 } });
  using tight = model.session({ policy: full(), budget: { tokens: 20 } });
  await fails([roomy, tight], "a budget of 21 tokens is needed");
  const { length } = roomy.generation!.tokens;
  const together = [...roomy.generation!.tokens, ...await next(roomy, 10)];
  assertEquals(tight.cache.seen, 20);
  roomy.reset();
  using alone = model.session({ budget: { tokens: 200 } });
  const options = { maxTokens: length + 10 };
  const ids = prompt.slice(0, 12);
  for await (const _ of alone.generateTokens(ids, options));
  assertEquals(together, alone.generation!.tokens);
});

Deno.test("generateBatch() needs a reset of the others after an error amid a pass", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const score = () => {
    throw new Error("no score");
  };
  const policy = { ...gkv({ window: 4, interval: 8 }), score };
  using other = model.session({ budget: { tokens: 200 } });
  using failing = model.session({ policy, budget: { tokens: 16 } });
  await fails([other, failing], "no score");
  await assertRejects(() => next(other, 1), TypeError, "a reset is needed");
  other.reset();
  const ids = prompt.slice(0, 12);
  for await (const _ of other.generateTokens(ids, { maxTokens: 3 }));
  assertEquals(other.cache.seen, ids.length + 2);
});
