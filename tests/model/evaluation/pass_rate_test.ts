import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertRejects,
} from "@std/assert";
import { full, gkv, random } from "../../../cache/policies/mod.ts";
import { openBackend } from "../../../kernels/open.ts";
import { bufferSource } from "../../../model/checkpoint/source.ts";
import type { Variant } from "../../../model/evaluation/fidelity.ts";
import {
  type JudgedProblem,
  type PassRateOptions,
  passRates,
} from "../../../model/evaluation/pass_rate.ts";
import { wilson } from "../../../model/evaluation/wilson.ts";
import { loadModel, type Model } from "../../../model/model.ts";
import { modelFiles } from "../../../train/export.ts";
import { initialParameters } from "../../../train/initial.ts";
import { lemmaChain } from "../../../train/tasks/lemma_chain.ts";
import { tinyConfig } from "../../train/tiny.ts";
import { tinyGguf } from "../fixtures.ts";

/** A tiny model, for as long as a test lasts. */
async function withModel(test: (model: Model) => Promise<void>): Promise<void> {
  using backend = await openBackend({ backend: "wasm" });
  const file = bufferSource("tiny.gguf", tinyGguf());
  using model = await loadModel([file], { backend });
  await test(model);
}

/** A problem of which only every so-manieth solution is right. */
function problem(number: number, rightEvery = 1): JudgedProblem {
  let judged = 0;
  return {
    prompt: `Problem ${number}: what is it?`,
    judge: () => ({ correct: judged++ % rightEvery === 0 }),
  };
}

/** Problems whose solutions are noted. */
function noting(n: number, notes: string[]): JudgedProblem[] {
  return Array.from({ length: n }, (_, i) => ({
    ...problem(i),
    judge: (solution) => {
      notes.push(`${i}: ${solution}`);
      return { correct: true };
    },
  }));
}

const small: Variant = {
  policy: gkv({ interval: 16 }),
  budget: { tokens: 32 },
};

const options: PassRateOptions = {
  seed: 1,
  maxTokens: 60,
  temperature: 1,
  onWarning: () => {},
};

Deno.test("passRates() is the mean over problems of right samples", () =>
  withModel(async (model) => {
    const problems = [problem(0, 1), problem(1, 2), problem(2, 4)];
    const [found] = await passRates(model, problems, [small], {
      ...options,
      samples: 4,
    });
    const { passAt1, problems: n, solutions, interval } = found!;
    assertEquals([n, solutions], [3, 12]);
    assertAlmostEquals(passAt1, (1 + 0.5 + 0.25) / 3, 1e-12);
    assertEquals(interval, wilson(passAt1, 3));
  }));

Deno.test("passRates() tells steps, tokens, evictions and bytes", () =>
  withModel(async (model) => {
    const stepwise: JudgedProblem = {
      ...problem(0),
      judge: () => ({ correct: false, rightSteps: 3, steps: 12 }),
    };
    const variants = [{ policy: full() }, small];
    const [whole, evicted] = await passRates(model, [stepwise], variants, {
      ...options,
      temperature: 0,
    });
    assertEquals([whole!.passAt1, whole!.rightSteps], [0, 0.25]);
    assertEquals(whole!.evictions, 0);
    assert(evicted!.evictions > 0 && evicted!.meanTokens <= 60);
    assertEquals(evicted!.budgetTokens, 32);
    using session = model.session(small);
    assertEquals(evicted!.peakBytes, session.cache.stats().budgetBytes);
    assert(evicted!.peakBytes < whole!.peakBytes);
  }));

Deno.test("passRates() of the full cache is that of a session", () =>
  withModel(async (model) => {
    const notes: string[] = [];
    await passRates(model, noting(1, notes), [{ policy: full() }], {
      ...options,
      temperature: 0,
    });
    using session = model.session({ budget: { tokens: 500 } });
    let text = "";
    const answer = session.generate(problem(0).prompt, { maxTokens: 60 });
    for await (const piece of answer) text += piece;
    assertEquals(notes, [`0: ${text}`]);
  }));

Deno.test("passRates() judges an end that is text, as a task's is", async () => {
  using backend = await openBackend({ backend: "wasm" });
  const values = initialParameters(tinyConfig, 1);
  const files = [...modelFiles(tinyConfig, values, lemmaChain)];
  const sources = files.map(([name, bytes]) => bufferSource(name, bytes));
  using model = await loadModel(sources, { backend });
  const solutions: string[] = [];
  const problems = Array.from({ length: 8 }, (_, i): JudgedProblem => ({
    prompt: lemmaChain.problem(1, i).prompt,
    raw: true,
    judge: (solution) => {
      solutions.push(solution);
      return lemmaChain.check(lemmaChain.problem(1, i).prompt, solution);
    },
  }));
  const more = { ...options, maxTokens: 460 };
  const [found] = await passRates(model, problems, [small], more);
  const ended = solutions.filter((text) =>
    text.indexOf(".") === text.length - 1
  );
  assert(ended.length > 0);
  assertAlmostEquals(found!.cutOff, 1 - ended.length / 8, 1e-12);
  const characters = solutions.reduce((sum, { length }) => sum + length, 0);
  assert(found!.meanTokens >= characters / 8);
});

Deno.test("passRates() depends on seed, problem and sample alone", () =>
  withModel(async (model) => {
    const solutionsOf = async (
      n: number,
      variants: Variant[],
      seed = 1,
      sequences = 8,
    ): Promise<Set<string>> => {
      const notes: string[] = [];
      const more = { ...options, samples: 2, seed, sequences };
      await passRates(model, noting(n, notes), variants, more);
      return new Set(notes.sort());
    };
    const all = await solutionsOf(10, [small]);
    assertEquals(all.size, 20);
    assertEquals(await solutionsOf(10, [small, small]), all);
    assertEquals(await solutionsOf(10, [small], 1, 1), all);
    const first = await solutionsOf(2, [small]);
    assertEquals([first.size, first.isSubsetOf(all)], [4, true]);
    const others = await solutionsOf(10, [small], 2);
    assertEquals(others.intersection(all).size, 0);
  }));

Deno.test("passRates() gives what there is after an abort", () =>
  withModel(async (model) => {
    const controller = new AbortController();
    const variants = [small, { ...small, policy: random({ interval: 16 }) }];
    const problems = Array.from({ length: 20 }, (_, i) => problem(i));
    const found = await passRates(model, problems, variants, {
      ...options,
      signal: controller.signal,
      onProgress: ({ done, total }) => {
        assertEquals(total, 40);
        if (done === 20) controller.abort();
      },
    });
    const [all, some] = found.map(({ problems }) => problems);
    // Those that end with the last one may still count.
    assert(all === 16 && some! >= 4 && some! < 16, `${all} ${some}`);
    assertEquals(
      await passRates(model, problems, variants, {
        ...options,
        signal: AbortSignal.abort(),
      }),
      [],
    );
  }));

Deno.test("passRates() refuses before it solves anything", () =>
  withModel(async (model) => {
    const notes: string[] = [];
    const tiny = { ...small, budget: { tokens: 4 } };
    const cases: [number, Variant[], Partial<PassRateOptions>, string][] = [
      [2, [small, tiny], {}, "too small"],
      [0, [small], {}, "0 problems"],
      [2, [small], { samples: 0 }, "0 samples"],
      [2, [small], { temperature: -1 }, "temperature -1"],
    ];
    for (const [n, variants, more, message] of cases) {
      await assertRejects(
        () =>
          passRates(model, noting(n, notes), variants, { ...options, ...more }),
        RangeError,
        message,
      );
    }
    assertEquals(notes, []);
  }));
