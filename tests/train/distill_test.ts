import { assert, assertEquals, assertLess } from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { distill, type DistillOptions } from "../../train/distill.ts";
import { pretrain } from "../../train/pretrain.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";
import type { Task } from "../../train/tasks/task.ts";
import { tinyConfig } from "./tiny.ts";

interface Line {
  loss: number;
  budget: number | "full";
}

async function logOf(folder: string): Promise<Line[]> {
  const text = await Deno.readTextFile(`${folder}/log.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

/** Problems of 96 tokens, so that little is traced. */
const shortChain: Task = {
  ...lemmaChain,
  problem: (seed, index) => {
    const { text, kinds } = lemmaChain.lesson(0, seed, index);
    const [prompt, solution] = [text.slice(0, 10), text.slice(10)];
    return { text, kinds, prompt, solution, answer: "" };
  },
};

const learningRate = { peak: 0.01, warmUp: 1, decay: 0.5, floor: 0.1 };
const base = {
  task: shortChain,
  config: tinyConfig,
  seed: 5,
  workers: 0,
  learningRate,
  resume: false,
  saveEvery: 100,
};

/** A folder with a teacher in it, which has hardly learnt anything. */
async function withTeacher(use: (folder: string) => Promise<void>) {
  const folder = await Deno.makeTempDir();
  try {
    await pretrain({
      ...base,
      out: `${folder}/teacher`,
      tokens: 5 * 384,
      batchTokens: 384,
      lifetimes: 0,
      level: 0,
    });
    await use(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function optionsOf(folder: string, out: string, steps: number): DistillOptions {
  return {
    ...base,
    from: `${folder}/teacher`,
    out: `${folder}/${out}`,
    rows: 2,
    tokens: 2 * 96 * steps,
    policy: gkv({ window: 4, interval: 16 }),
    budgets: [16, 32],
    full: 0.3,
    temperature: 1,
  };
}

Deno.test("distill() resumes exactly, and turns from budget to budget", async () => {
  await withTeacher(async (folder) => {
    const options = optionsOf(folder, "whole", 6);
    const parameters = await distill(options);
    const lines = await logOf(`${folder}/whole`);
    const budgets = new Set(lines.map(({ budget }) => `${budget}`));
    assertEquals([...budgets].sort(), ["16", "32", "full"]);
    // The student is still the teacher: with a full cache nothing is to learn.
    for (const [i, { loss, budget }] of lines.entries()) {
      if (i === 0) assert(budget === "full" ? loss < 1e-6 : loss > 1e-6);
    }
    const broken = { ...optionsOf(folder, "broken", 6), saveEvery: 1 };
    const controller = new AbortController();
    const watcher = setInterval(async () => {
      const log = await Deno.stat(`${broken.out}/state.safetensors`)
        .catch(() => undefined);
      if (log) controller.abort();
    }, 5);
    await distill({ ...broken, signal: controller.signal });
    clearInterval(watcher);
    assertEquals(await distill({ ...broken, resume: true }), parameters);
    assertEquals(await logOf(broken.out).then((l) => l.length), 6);
  });
});

Deno.test("distill() at temperature 0 learns the written solutions", async () => {
  await withTeacher(async (folder) => {
    const options = {
      ...optionsOf(folder, "tuned", 40),
      temperature: 0,
      budgets: [16],
      full: 0,
    };
    await distill(options);
    const losses = (await logOf(options.out)).map(({ loss }) => loss);
    const mean = (part: number[]) =>
      part.reduce((sum, loss) => sum + loss, 0) / part.length;
    assertLess(mean(losses.slice(-10)), mean(losses.slice(0, 10)) - 0.05);
  });
});
