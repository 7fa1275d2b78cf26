import { gkv } from "../../cache/policies/mod.ts";
import type { Backend } from "../../kernels/backend.ts";
import { bufferSource } from "../../model/checkpoint/source.ts";
import { loadModel, type Model } from "../../model/model.ts";
import type { SessionOptions } from "../../model/session_options.ts";
import { tinyGguf } from "../model/fixtures.ts";

/** A tiny model on a backend. */
export async function tiny(
  backend: Backend,
  options: Parameters<typeof tinyGguf>[0] = { type: "q8_0", tied: true },
): Promise<Model> {
  const file = tinyGguf(options);
  return await loadModel([bufferSource("tiny.gguf", file)], { backend });
}

/** Tokens of the tiny vocabulary. */
export const prompt: number[] = Array.from(
  { length: 40 },
  (_, i) => 20 + (i * 31) % 200,
);

/** A budget that makes the prompt be evicted from. */
export const settings: SessionOptions = {
  budget: { tokens: 24 },
  policy: gkv({ interval: 8 }),
  dtype: "f32",
};

/** Greedy tokens of a tiny model, with a hook after each. */
export async function tokensOn(
  backend: Backend,
  count: number,
  after: (token: number) => void = () => {},
): Promise<number[]> {
  using model = await tiny(backend);
  using session = model.session(settings);
  const tokens: number[] = [];
  for await (
    const id of session.generateTokens(prompt, { maxTokens: count })
  ) {
    after(tokens.push(id));
  }
  return tokens;
}
