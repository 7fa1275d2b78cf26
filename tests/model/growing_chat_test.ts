import { assert, assertEquals, assertRejects } from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import type { GenerateOptions } from "../../model/generation.ts";
import { loadModel, type Model } from "../../model/model.ts";
import type { SessionOptions } from "../../model/session_options.ts";
import type { Session } from "../../model/session.ts";
import type { Message } from "../../model/tokenizer/chat.ts";
import { tinyGguf } from "./fixtures.ts";

async function tiny(backend: Backend): Promise<Model> {
  const file = tinyGguf({ type: "q4_1" });
  return await loadModel([bufferSource("tiny.gguf", file)], { backend });
}

async function say(
  session: Session,
  prompt: string | readonly Message[],
  options: GenerateOptions = { maxTokens: 4 },
): Promise<string> {
  let out = "";
  for await (const piece of session.generate(prompt, options)) out += piece;
  return out;
}

const user = (content: string) => ({ role: "user", content }) as const;
const assistant = (content: string) =>
  ({ role: "assistant", content }) as const;

/**
 * A session and the conversation so far: with an answer, as a model of random
 * weights rarely gives it, that its own text encodes to again.
 */
async function begun(
  model: Model,
  options: SessionOptions = {},
): Promise<[Session, Message[]]> {
  for (let seed = 0; seed < 200; seed++) {
    const session = model.session(options);
    const sampled = { maxTokens: 4, temperature: 1, seed };
    const answer = await say(session, [user("Hello there")], sampled);
    const { tokens } = session.generation!;
    const again = model.tokenizer!.encode(answer, { special: false });
    if (`${again}` === `${tokens}`) {
      return [session, [user("Hello there"), assistant(answer)]];
    }
    session.dispose();
  }
  throw new Error("No answer is what its text encodes to");
}

/** Tokens of a whole conversation. */
function lengthOf(model: Model, messages: readonly Message[]): number {
  return model.tokenizer!.encode(model.template!.render(messages)).length;
}

Deno.test("Session.generate() computes only what is new of a conversation", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const [session, messages] = await begun(model);
  using _ = session;
  const held = session.cache.seen;
  const all = [...messages, user("And then?")];
  const answer = await say(session, all);
  const { promptTokens } = session.generation!;
  assertEquals(promptTokens, lengthOf(model, all) - held);
  assert(promptTokens < held);
  using fresh = model.session();
  assertEquals(await say(fresh, all), answer);
  assertEquals(fresh.generation!.promptTokens, lengthOf(model, all));
  assertEquals(fresh.tokens, session.tokens);
});

Deno.test("Session.generate() takes a conversation as it takes its last message", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const options = { budget: { tokens: 18 }, policy: gkv({ interval: 4 }) };
  const [session, messages] = await begun(model, options);
  using _ = session;
  assert(session.cache.stats().evictions > 0);
  using fork = session.fork();
  const answer = await say(session, "And then?");
  assertEquals(await say(fork, [...messages, user("And then?")]), answer);
  assertEquals(fork.cache.stats(), session.cache.stats());
});

Deno.test("Session.generate() starts over with another conversation", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const [session, messages] = await begun(model);
  using _ = session;
  const others: Message[][] = [
    [...messages.slice(0, 1), assistant("No."), user("And then?")],
    [user("Hello"), ...messages.slice(1), user("And then?")],
    [user("Hello there")],
  ];
  for (const other of others) {
    using fork = session.fork();
    using fresh = model.session();
    const expected = await say(fresh, other);
    assertEquals(await say(fork, other), expected);
    assertEquals(fork.generation!.promptTokens, lengthOf(model, other));
    assertEquals(fork.tokens, fresh.tokens);
    assertEquals(await fork.cache.save(), await fresh.cache.save());
  }
});

Deno.test("Session.generate() forgets nothing for a conversation it refuses", async () => {
  using backend = await openBackend();
  using model = await tiny(backend);
  const [session] = await begun(model);
  using _ = session;
  const before = [...session.tokens];
  const other = [user("Something else")];
  await assertRejects(() => say(session, other, { runAhead: 9 }), RangeError);
  await assertRejects(() => say(session, other, { topP: 2 }), RangeError);
  assertEquals(session.tokens, before);
  assertEquals(session.cache.seen, before.length - 1);
});

const path = Deno.env.get("GKV_TEST_MODEL");
const ignore = path === undefined;
const why = ignore ? " (skipped: GKV_TEST_MODEL is not set)" : "";

Deno.test({
  name: `SmolLM2 computes a growing chat once, saved and restored${why}`,
  ignore,
  async fn() {
    using backend = await openBackend();
    using model = await loadModel(path!, { backend });
    const options = { budget: { tokens: 80 }, policy: gkv({ interval: 16 }) };
    using session = model.session(options);
    const messages: Message[] = [user("Name three colours.")];
    const first = await say(session, messages, { maxTokens: 80 });
    messages.push(assistant(first), user("Now name three animals."));
    const held = session.cache.seen;
    const bytes = await session.save();
    const answer = await say(session, messages, { maxTokens: 60 });
    const { promptTokens } = session.generation!;
    assertEquals(promptTokens, lengthOf(model, messages) - held);
    assert(session.cache.stats().evictions > 0);
    using restored = await model.restoreSession(bytes);
    assertEquals(await say(restored, messages, { maxTokens: 60 }), answer);
    assertEquals(restored.tokens, session.tokens);
  },
});
