import { assert, assertEquals } from "@std/assert";
import { full, gkv } from "../../cache/policies/mod.ts";
import { load } from "../../cli/load.ts";
import { ProgressLine } from "../../cli/progress.ts";
import { openBackend } from "../../kernels/open.ts";
import { embeddedModels } from "../../models/mod.ts";
import { passRates } from "../../model/evaluation/pass_rate.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";

/** Problems of no training and of no table. */
const problems = Array.from({ length: 16 }, (_, i) => {
  const { prompt } = lemmaChain.problem(77, i);
  return {
    prompt,
    raw: true,
    judge: (solution: string) => lemmaChain.check(prompt, solution),
  };
});

/** How many of them a model of the package solves. */
async function solved(
  name: string,
  policy = full(),
  tokens = 497,
): Promise<number> {
  using backend = await openBackend({ backend: "wasm", build: "simd" });
  using model = await load(`embedded:${name}`, backend, new ProgressLine());
  const [rate] = await passRates(
    model,
    problems,
    [{ policy, budget: { tokens }, dtype: "f32" }],
    { maxTokens: 460, seed: 1 },
  );
  return Math.round(rate!.passAt1 * problems.length);
}

Deno.test("both models of the package solve problems with the full cache", async () => {
  assertEquals(Object.keys(embeddedModels).sort(), [
    "lemma-chain",
    "lemma-chain-base",
  ]);
  for (const name of Object.keys(embeddedModels)) {
    assertEquals(await solved(name), problems.length, name);
  }
});

// Of 500 problems the one solves 98 % so, the other 1 % (README).
Deno.test("the distilled model solves them in 96 tokens", async () => {
  const policy = gkv({ mix: 0.1, interval: 16 });
  const before = await solved("lemma-chain-base", policy, 96);
  const after = await solved("lemma-chain", policy, 96);
  assert(before <= 2 && after >= 14, `${before} before, ${after} after, of 16`);
});
