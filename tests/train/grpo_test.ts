import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
} from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { grpo, type GrpoOptions } from "../../train/grpo.ts";
import { initialParameters } from "../../train/initial.ts";
import { saveState } from "../../train/checkpoint.ts";
import { advantagesOf, rewardOf } from "../../train/samples.ts";
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
    return { correct, rightSteps: correct ? 1 : 0, steps: 1 };
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
    updates: 2,
    learningRate: { peak: 0.02, warmUp: 1, decay: 0.5, floor: 0.1 },
    policy: gkv({ window: 2, interval: 2 }),
    budgets: [6],
    maxTokens: 12,
    reward: "answer",
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

Deno.test("grpo() rewards right steps when it is told to", async () => {
  await withBase(async (folder) => {
    // No answer is right: only its steps tell a solution from another one.
    const task: Task = {
      ...toy,
      check: (_, solution) => {
        const rightSteps = solution.includes("b") ? 1 : 0;
        return { correct: false, rightSteps, steps: 2 };
      },
    };
    const short = { ...optionsOf(folder, "answer"), task, tokens: 1 };
    await grpo(short);
    await grpo({ ...short, out: `${folder}/steps`, reward: "steps" });
    const [answer] = await logOf(`${folder}/answer`);
    const [steps] = await logOf(`${folder}/steps`);
    assertEquals([answer!.reward, answer!.undecided], [0, 1]);
    assertEquals([answer!.correct, steps!.correct], [0, 0]);
    assertGreater(steps!.reward, 0);
    assertLess(steps!.undecided, 1);
  });
});

Deno.test("rewardOf() gives half the share of right steps to a wrong answer", () => {
  const wrong = { correct: false, rightSteps: 3, steps: 12 };
  const right = { correct: true, rightSteps: 3, steps: 12 };
  assertEquals([rewardOf(wrong, "answer"), rewardOf(wrong, "steps")], [
    0,
    1 / 8,
  ]);
  assertEquals([rewardOf(right, "answer"), rewardOf(right, "steps")], [1, 1]);
});

Deno.test("advantagesOf() is in deviations from the group's mean", () => {
  const group = [1, 0, 0, 0].map((reward) => ({ reward, isCutOff: false }));
  const [best, ...others] = advantagesOf(group, false);
  assertAlmostEquals(best!, 0.75 / Math.sqrt(3 / 16), 1e-12);
  for (const other of others) {
    assertAlmostEquals(other, -0.25 / Math.sqrt(3 / 16), 1e-12);
  }
  const alike = [1, 1].map((reward) => ({ reward, isCutOff: false }));
  assertEquals(advantagesOf(alike, false), [0, 0]);
});

Deno.test("advantagesOf() forgives what was cut off when it is told to", () => {
  const group = [
    { reward: 1, isCutOff: false },
    { reward: 0, isCutOff: false },
    { reward: 0, isCutOff: true },
  ];
  const strict = advantagesOf(group, false);
  const mild = advantagesOf(group, true);
  assertEquals(mild.slice(0, 2), strict.slice(0, 2));
  assertEquals([strict[2]! < 0, mild[2]], [true, 0]);
});

Deno.test("targetLogProbabilitiesOf() is a log-softmax at the targets", () => {
  const logits = Float32Array.from([0, Math.log(3), 200, 0]);
  const [a, b] = targetLogProbabilitiesOf(logits, Int32Array.from([1, 1]));
  assertAlmostEquals(a!, Math.log(0.75), 1e-6);
  assertAlmostEquals(b!, -200, 1e-4);
});
