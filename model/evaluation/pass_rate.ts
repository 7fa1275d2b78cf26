import type { Model } from "../model.ts";
import { encodePrompt } from "../prompt.ts";
import { PassCount, type PassFigures, type Verdict } from "./pass_count.ts";
import type { Variant } from "./fidelity.ts";
import { type Attempt, solve, type SolveOptions, withRoom } from "./solve.ts";

/** A problem, and who can tell whether it was solved. */
export interface JudgedProblem {
  /** What is asked. */
  readonly prompt: string;
  /** Take the prompt as it is, without the model's chat template. */
  readonly raw?: boolean;
  /** Judges what was written after the prompt. */
  judge(solution: string): Verdict | Promise<Verdict>;
}

/** Results of a cache in {@linkcode passRates}. */
export interface PassRate extends PassFigures {
  /** As it was asked for. */
  variant: Variant;
}

/** Options of {@linkcode passRates}. */
export interface PassRateOptions extends SolveOptions {
  /** Solutions of each problem; 1 by default. */
  readonly samples?: number | undefined;
  /** Called after each solution, of all caches together. */
  readonly onProgress?:
    | ((progress: { done: number; total: number }) => void)
    | undefined;
}

/** Problems that one cache solves before it is the next one's turn. */
const BLOCK = 16;

/**
 * Lets a model solve problems with each of several caches and counts what is
 * right: pass@1, the mean over problems of the share of solutions that are
 * right.
 *
 * The caches take turns, so that after an abort all have solved about the same
 * problems. Solutions that were not finished then do not count.
 *
 * @returns In the order of the variants, without those that solved nothing.
 * @throws {RangeError} for no problem, a number of samples that is none, a
 * budget that is too small for its policy, or a lack of memory.
 * @throws {TypeError} when the model has no tokenizer.
 */
export async function passRates(
  model: Model,
  problems: readonly JudgedProblem[],
  variants: readonly Variant[],
  options: PassRateOptions,
): Promise<PassRate[]> {
  const { samples = 1, signal } = options;
  checkCounts(problems.length, samples);
  const attempts = attemptsAt(model, problems, samples);
  // What is refused shall be so at once, not when others have been measured.
  const least = attempts[0]!.ids.length + options.maxTokens;
  for (const variant of variants) {
    model.session(withRoom(variant, least)).dispose();
  }
  const counts = variants.map(() => new PassCount());
  const total = variants.length * attempts.length;
  let done = 0;
  const size = BLOCK * samples;
  for (let at = 0; at < attempts.length && !signal?.aborted; at += size) {
    const block = attempts.slice(at, at + size);
    for (const [i, variant] of variants.entries()) {
      for await (const solution of solve(model, variant, block, options)) {
        const problem = problems[solution.attempt.problem]!;
        counts[i]!.add(solution, await problem.judge(solution.text));
        options.onProgress?.({ done: ++done, total });
      }
    }
  }
  return variants.flatMap((variant, i) => {
    const figures = counts[i]!.figures();
    return figures ? [{ variant, ...figures }] : [];
  });
}

function attemptsAt(
  model: Model,
  problems: readonly JudgedProblem[],
  samples: number,
): Attempt[] {
  return problems.flatMap(({ prompt, raw = false }, problem) => {
    const ids = encodePrompt(model, prompt, [], raw);
    return Array.from({ length: samples }, (_, sample) => ({
      problem,
      sample,
      ids,
    }));
  });
}

function checkCounts(problems: number, samples: number): void {
  if (problems > 0 && Number.isInteger(samples) && samples > 0) return;
  throw new RangeError(
    `Cannot evaluate ${samples} samples of ${problems} problems: at least ` +
      `one of each is needed`,
  );
}
