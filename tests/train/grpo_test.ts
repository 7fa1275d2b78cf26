import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertRejects,
} from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { grpo, type GrpoOptions } from "../../train/grpo.ts";
import { initialParameters } from "../../train/initial.ts";
import { saveState } from "../../train/checkpoint.ts";
import { advantagesOf, rewardsOf } from "../../train/samples.ts";
import { targetLogProbabilitiesOf } from "../../train/sample_batches.ts";
import type { Task } from "../../train/tasks/task.ts";
import { tinyConfig } from "./tiny.ts";

/** Right is what has a "b" among its letters and comes to an end. */
const toy: Task = {
  name: "toy",
  vocabulary: "abcdefgh#.",
  length: 12,
  levels: 1,
  skills: "a",
  problem: (seed, index) => {
    const prompt = "abcdefgh"[(seed + index) % 8]!.repeat(3) + "#";
    const [solution, answer] = ["b.", "b"];
    return {
      prompt,
      solution,
      answer,
      text: prompt + solution,
      kinds: "____aa",
    };
  },
  lesson: (_, seed, index) => toy.problem(seed, index),
  lessonLength: () => 6,
  check: (_, solution) => {
    const correct = /^[a-h]*b[a-h]*\.$/.test(solution);
    return { correct, rightSteps: correct ? 1 : 0, steps: 1, written: [] };
  },
};

const config = { ...tinyConfig, vocabulary: 10, layers: 1 };

async function withBase(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    const parameters = initialParameters(config, 1);
    const zeros = new Float32Array(parameters.length);
    const state = { parameters, mean: zeros, square: zeros, progress: {} };
    await saveState(`${folder}/base/state.safetensors`, state);
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function optionsOf(folder: string, out: string): GrpoOptions {
  return {
    task: toy,
    config,
    from: `${folder}/base`,
    out: `${folder}/${out}`,
    seed: 3,
    tokens: 8_000,
    workers: 0,
    resume: false,
    saveEvery: 1000,
    problems: 4,
    samples: 8,
    epochs: 2,
    minibatch: 32,
    learningRate: { peak: 0.02, warmUp: 1, decay: 0.5, floor: 0.1 },
    policy: gkv({ window: 2, interval: 2 }),
    budgets: [6],
    maxTokens: 12,
    reward: "answer",
    discount: 0,
    clip: [0.8, 1.28],
    beta: 0.01,
    forgiveCutOff: false,
    bucket: 8,
    batchTokens: 128,
  };
}

interface Line {
  step: number;
  tokens: number;
  correct: number;
  reward: number;
  undecided: number;
  divergence: number;
  entropy: number;
  clipped: number;
}

async function logOf(folder: string): Promise<Line[]> {
  const text = await Deno.readTextFile(`${folder}/log.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

const mean = (values: number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

Deno.test("grpo() makes right solutions more frequent, within a budget", async () => {
  await withBase(async (folder) => {
    await grpo(optionsOf(folder, "run"));
    const lines = await logOf(`${folder}/run`);
    const first = mean(lines.slice(0, 4).map(({ correct }) => correct));
    const last = mean(lines.slice(-4).map(({ correct }) => correct));
    assertGreater(last, first + 0.3);
    assertGreater(lines.at(-1)!.divergence, 0);
    assertGreater(lines[0]!.entropy, lines.at(-1)!.entropy);
  });
});

Deno.test("grpo() resumes exactly", async () => {
  await withBase(async (folder) => {
    const short = { ...optionsOf(folder, "whole"), tokens: 1500 };
    const parameters = await grpo(short);
    // As after an end without warning: the half of it, then all of it.
    const controller = new AbortController();
    const broken = {
      ...short,
      out: `${folder}/broken`,
      saveEvery: 1,
      signal: controller.signal,
    };
    const watcher = setInterval(async () => {
      const state = await Deno.stat(`${broken.out}/state.safetensors`)
        .catch(() => undefined);
      if (state) controller.abort();
    }, 1);
    await grpo(broken);
    clearInterval(watcher);
    const own = new AbortController().signal;
    const resumed = await grpo({ ...broken, signal: own, resume: true });
    assertEquals(resumed, parameters);
  });
});

Deno.test("grpo() draws the same with a crew of workers", async () => {
  await withBase(async (folder) => {
    const short = { ...optionsOf(folder, "alone"), tokens: 1 };
    await grpo(short);
    await grpo({ ...short, out: `${folder}/crew`, workers: 2 });
    const [alone] = await logOf(`${folder}/alone`);
    const [crew] = await logOf(`${folder}/crew`);
    assertEquals([crew!.tokens, crew!.correct], [
      alone!.tokens,
      alone!.correct,
    ]);
  });
});

Deno.test("grpo() learns from right steps though no answer is right", async () => {
  await withBase(async (folder) => {
    // Every letter is a step, and "b" a right one.
    const task: Task = {
      ...toy,
      check: (_, solution) => {
        const written = [...solution].map((letter, start) => ({
          start,
          end: start + 1,
          isRight: letter === "b",
        }));
        const rightSteps = written.filter(({ isRight }) => isRight).length;
        return { correct: false, rightSteps, steps: 8, written };
      },
    };
    const options = { ...optionsOf(folder, "answer"), task };
    await grpo({ ...options, tokens: 1 });
    const steps = `${folder}/steps`;
    await grpo({ ...options, out: steps, reward: "steps", minibatch: 8 });
    const [answer] = await logOf(`${folder}/answer`);
    assertEquals([answer!.reward, answer!.undecided], [0, 1]);
    const lines = await logOf(steps);
    assertEquals([lines[0]!.correct, lines[0]!.undecided], [0, 0]);
    assertGreater(lines.at(-1)!.reward, lines[0]!.reward + 0.3);
    // 4 problems of 8 samples are 4 minibatches, twice.
    assertEquals(lines[0]!.step, 8);
  });
});

Deno.test("grpo() refuses counts that would never come to an end", async () => {
  await withBase(async (folder) => {
    const options = optionsOf(folder, "none");
    for (const name of ["minibatch", "epochs", "samples", "saveEvery"]) {
      await assertRejects(
        () => grpo({ ...options, [name]: 0 }),
        RangeError,
        `Cannot train with ${name} 0`,
      );
    }
    await assertRejects(() => Deno.stat(options.out), Deno.errors.NotFound);
  });
});

Deno.test("rewardsOf() gives one for the answer or one for each step", () => {
  const written = [
    { start: 0, end: 3, isRight: true },
    { start: 3, end: 5, isRight: false },
  ];
  const check = { correct: false, rightSteps: 1, steps: 12, written };
  assertEquals(rewardsOf(check, "answer"), [
    { start: 0, end: Infinity, value: 0 },
  ]);
  assertEquals(rewardsOf({ ...check, correct: true }, "answer"), [
    { start: 0, end: Infinity, value: 1 },
  ]);
  assertEquals(rewardsOf(check, "steps"), [
    { start: 0, end: 3, value: 1 },
    { start: 3, end: 5, value: 0 },
  ]);
});

const strict = { discount: 0, forgiveCutOff: false };

function rewarded(values: number[], isCutOff = false) {
  const rewards = values.map((value, start) => ({
    start,
    end: start + 1,
    value,
  }));
  return { rewards, isCutOff };
}

Deno.test("advantagesOf() is in deviations from the group's mean", () => {
  const group = [1, 0, 0, 0].map((value) => rewarded([value]));
  const [best, ...others] = advantagesOf(group, strict).flat();
  assertAlmostEquals(best!, 0.75 / Math.sqrt(3 / 16), 1e-12);
  for (const other of others) {
    assertAlmostEquals(other, -0.25 / Math.sqrt(3 / 16), 1e-12);
  }
  assertEquals(advantagesOf([rewarded([1]), rewarded([1])], strict), [[0], [
    0,
  ]]);
});

Deno.test("advantagesOf() adds what later steps earn, discounted", () => {
  // Mean 1/2, deviation 1/2: advantages of their own are 1, -1 and -1, 1.
  const group = [rewarded([1, 0]), rewarded([0, 1])];
  assertEquals(advantagesOf(group, strict), [[1, -1], [-1, 1]]);
  const half = advantagesOf(group, { ...strict, discount: 0.5 });
  assertEquals(half, [[0.5, -1], [-0.5, 1]]);
  const all = advantagesOf(group, { ...strict, discount: 1 });
  assertEquals(all, [[0, -1], [0, 1]]);
});

Deno.test("advantagesOf() forgives what was cut off when it is told to", () => {
  const group = [rewarded([1]), rewarded([0]), rewarded([0], true)];
  const own = advantagesOf(group, strict);
  const mild = advantagesOf(group, { ...strict, forgiveCutOff: true });
  assertEquals(mild.slice(0, 2), own.slice(0, 2));
  assertEquals([own[2]![0]! < 0, mild[2]], [true, [0]]);
});

Deno.test("targetLogProbabilitiesOf() is a log-softmax at the targets", () => {
  const logits = Float32Array.from([0, Math.log(3), 200, 0]);
  const [a, b] = targetLogProbabilitiesOf(logits, Int32Array.from([1, 1]));
  assertAlmostEquals(a!, Math.log(0.75), 1e-6);
  assertAlmostEquals(b!, -200, 1e-4);
});
