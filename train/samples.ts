import type { Crew } from "./crew.ts";
import type { Values } from "./member.ts";
import type { Random } from "./random.ts";
import type { Drawn, Eviction } from "./rollout.ts";
import {
  type Check,
  decodeTokens,
  encodeText,
  type Problem,
  type Task,
} from "./tasks/task.ts";

/** A solution that a model wrote, and what it is worth. */
export interface Sample extends Drawn {
  /** Tokens of the prompt. */
  readonly prompt: number;
  /** Whether it ends with the right answer. */
  readonly isCorrect: boolean;
  /** See {@linkcode rewardOf}. */
  readonly reward: number;
}

/** What is rewarded: the right answer alone, or right steps too. */
export type RewardRule = "answer" | "steps";

/** How many samples, how long, and what they are worth. */
export interface SampleOptions {
  /** Solutions of each problem. */
  readonly samples: number;
  /** Most tokens of a solution. */
  readonly maxTokens: number;
  /** What is rewarded. */
  readonly reward: RewardRule;
}

/**
 * Several solutions of each problem, drawn at temperature 1 within a budget:
 * the same whatever the size of the crew.
 */
export async function sampleGroups(
  { parameters, crew }: { parameters: Values; crew: Crew },
  task: Task,
  problems: readonly Problem[],
  eviction: Eviction,
  random: Random,
  { samples, maxTokens, reward }: SampleOptions,
): Promise<Sample[][]> {
  const draws = problems.flatMap(({ prompt }) =>
    Array.from({ length: samples }, () => ({
      ids: encodeText(task, prompt),
      seed: random.below(2 ** 32),
    }))
  );
  const drawn = await crew.draw(parameters, { draws, eviction, maxTokens });
  return problems.map(({ prompt }, i) =>
    drawn.slice(i * samples, (i + 1) * samples).map((solution) =>
      judged(task, prompt, solution, reward)
    )
  );
}

function judged(
  task: Task,
  prompt: string,
  drawn: Drawn,
  rule: RewardRule,
): Sample {
  const { length } = Array.from(prompt);
  const text = decodeTokens(task, drawn.ids.slice(length));
  const check = task.check(prompt, text);
  const { correct: isCorrect } = check;
  return { ...drawn, prompt: length, isCorrect, reward: rewardOf(check, rule) };
}

/**
 * What a solution is worth: 1 if it is right; else 0, or under `"steps"` half
 * the share of its steps that are right, so that also a group without a right
 * answer has something to learn from. This is process supervision (arXiv
 * 2402.03300, section 4.1.3) summed up over the solution: all its tokens have
 * one advantage.
 */
export function rewardOf(
  { correct, rightSteps, steps }: Check,
  rule: RewardRule,
): number {
  if (correct) return 1;
  return rule === "steps" ? 0.5 * rightSteps / steps : 0;
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
