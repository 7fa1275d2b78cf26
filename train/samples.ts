import type { Model } from "../model/model.ts";
import { untilEvicted } from "./masks.ts";
import type { Random } from "./random.ts";
import type { Eviction } from "./rollout.ts";
import {
  decodeTokens,
  encodeText,
  type Problem,
  type Task,
} from "./tasks/task.ts";

/** A solution that a model wrote. */
export interface Sample {
  /** Prompt and solution. */
  readonly ids: number[];
  /** Tokens of the prompt. */
  readonly prompt: number;
  /** `[layers, kvHeads, ids.length - 1]`, see {@linkcode untilEvicted}. */
  readonly until: Int32Array<ArrayBuffer>;
  /** 1 if it is right, else 0. */
  readonly reward: number;
  /** Whether `maxTokens` ended it. */
  readonly isCutOff: boolean;
}

/** How many samples, and how long. */
export interface SampleOptions {
  /** Solutions of each problem. */
  readonly samples: number;
  /** Most tokens of a solution. */
  readonly maxTokens: number;
}

/** Several solutions of each problem, drawn at temperature 1 within a budget. */
export async function sampleGroups(
  model: Model,
  task: Task,
  problems: readonly Problem[],
  { policy, tokens }: Eviction,
  random: Random,
  { samples, maxTokens }: SampleOptions,
): Promise<Sample[][]> {
  using session = model.session({
    policy,
    budget: { tokens },
    // What is trained is the model without a cache's rounding.
    dtype: "f32",
    record: true,
  });
  const groups: Sample[][] = [];
  for (const { prompt } of problems) {
    const group: Sample[] = [];
    for (let i = 0; i < samples; i++) {
      session.reset();
      const ids = encodeText(task, prompt);
      const seed = random.below(2 ** 32);
      const options = { temperature: 1, seed, maxTokens, onWarning: () => {} };
      const solution: number[] = [];
      for await (const id of session.generateTokens(ids, options)) {
        solution.push(id);
      }
      const records = await session.cache.evictions();
      const all = [...ids, ...solution];
      const text = decodeTokens(task, solution);
      group.push({
        ids: all,
        prompt: ids.length,
        until: untilEvicted(model.config, records, all.length - 1),
        reward: task.check(prompt, text).correct ? 1 : 0,
        isCutOff: session.generation!.stopReason !== "endToken",
      });
    }
    groups.push(group);
  }
  return groups;
}

/**
 * How much better than its group each sample is, in deviations: GRPO's
 * advantage. Zero for all where there is no difference.
 *
 * @param forgiveCutOff A sample that was cut off has no negative advantage.
 */
export function advantagesOf(
  group: readonly Pick<Sample, "reward" | "isCutOff">[],
  forgiveCutOff: boolean,
): number[] {
  const n = group.length;
  const mean = group.reduce((sum, { reward }) => sum + reward, 0) / n;
  const variance = group.reduce(
    (sum, { reward }) => sum + (reward - mean) ** 2,
    0,
  ) / n;
  return group.map(({ reward, isCutOff }) => {
    const advantage = variance > 0 ? (reward - mean) / Math.sqrt(variance) : 0;
    return forgiveCutOff && isCutOff ? Math.max(0, advantage) : advantage;
  });
}
