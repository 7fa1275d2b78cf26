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
  /** See {@linkcode rewardsOf}. */
  readonly rewards: readonly Reward[];
}

/** What a part of a solution is worth. */
export interface Reward {
  /** Tokens of the solution before the part. */
  readonly start: number;
  /** Tokens of the solution up to its end, or more than it has. */
  readonly end: number;
  /** More is better. */
  readonly value: number;
}

/** What is rewarded: the right answer, or each right step. */
export type RewardRule = "answer" | "steps";

/** Of {@linkcode advantagesOf}. */
export interface AdvantageOptions {
  /** What a reward counts for the step before: 0 nothing, 1 all of it. */
  readonly discount: number;
  /** A sample that was cut off has no negative advantage. */
  readonly forgiveCutOff: boolean;
}

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
  return {
    ...drawn,
    prompt: length,
    isCorrect,
    rewards: rewardsOf(check, rule),
  };
}

/**
 * What a solution is worth: 1 or 0, for all of it by its answer, or under
 * `"steps"` for each step: outcome and process supervision of GRPO (arXiv
 * 2402.03300, sections 4.1.2 and 4.1.3). A step that is missing is worth
 * nothing: where most solutions go astray, a right step is much.
 */
export function rewardsOf(
  { correct, written }: Check,
  rule: RewardRule,
): Reward[] {
  if (rule === "answer") {
    return [{ start: 0, end: Infinity, value: correct ? 1 : 0 }];
  }
  return written.map(({ start, end, isRight }) => ({
    start,
    end,
    value: isRight ? 1 : 0,
  }));
}

/**
 * How much better than those of its group each reward is, in deviations:
 * GRPO's advantage, of the tokens of its part. To it come the later ones of
 * the same sample, each by a factor `discount` less than the one before. Zero
 * for all where there is no difference.
 */
export function advantagesOf(
  group: readonly Pick<Sample, "rewards" | "isCutOff">[],
  { discount, forgiveCutOff }: AdvantageOptions,
): number[][] {
  const all = group.flatMap(({ rewards }) => rewards.map(({ value }) => value));
  const { mean, deviation } = momentsOf(all);
  return group.map(({ rewards, isCutOff }) => {
    const least = forgiveCutOff && isCutOff ? 0 : -Infinity;
    let later = 0;
    return rewards.map(({ value }) => deviation && (value - mean) / deviation)
      .reverse()
      .map((own) => later = own + discount * later)
      .reverse()
      .map((advantage) => Math.max(least, advantage));
  });
}

/** Mean and deviation; no values have none. */
export function momentsOf(
  values: readonly number[],
): { mean: number; deviation: number } {
  const n = Math.max(1, values.length);
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const square = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return { mean, deviation: Math.sqrt(square / n) };
}
