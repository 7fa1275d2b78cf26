import type { Solution } from "./solve.ts";
import { wilson } from "./wilson.ts";

/** Judgement of a solution. */
export interface Verdict {
  /** Whether it is right. */
  readonly correct: boolean;
  /** Steps that are right, of a task whose steps can be told. */
  readonly rightSteps?: number;
  /** Steps of a whole solution. */
  readonly steps?: number;
}

/** What solutions with one cache come to. */
export interface PassFigures {
  /** Problems of which solutions were judged. */
  problems: number;
  /** Solutions that were judged. */
  solutions: number;
  /** Mean over problems of the share of right solutions: pass@1. */
  passAt1: number;
  /**
   * Its 95 % interval by Wilson, over problems: the share of solutions of a
   * problem varies less than one solution does.
   */
  interval: [least: number, greatest: number];
  /** Share of the steps that were right; absent where there are none. */
  rightSteps?: number;
  /** Mean tokens of a solution. */
  meanTokens: number;
  /** Share of the solutions that were cut off. */
  cutOff: number;
  /** Tokens that an eviction leaves. */
  budgetTokens: number;
  /** Most bytes of cache slots that were in use. */
  peakBytes: number;
  /** Mean evictions during a solution. */
  evictions: number;
}

/** Counts the solutions with one cache. */
export class PassCount {
  /** Right solutions and all, by problem. */
  readonly #problems = new Map<number, { right: number; all: number }>();
  #solutions = 0;
  #tokens = 0;
  #cutOff = 0;
  #steps = 0;
  #rightSteps = 0;
  #budgetTokens = 0;
  #peakBytes = 0;
  #evictions = 0;

  /** Takes a solution in. */
  add(solution: Solution, { correct, rightSteps, steps }: Verdict): void {
    const { problem } = solution.attempt;
    const { right, all } = this.#problems.get(problem) ?? { right: 0, all: 0 };
    this.#problems.set(problem, { right: right + +correct, all: all + 1 });
    this.#solutions++;
    this.#tokens += solution.tokens;
    this.#cutOff += +(solution.stopReason === "maxTokens");
    this.#steps += steps ?? 0;
    this.#rightSteps += rightSteps ?? 0;
    this.#budgetTokens = Math.max(this.#budgetTokens, solution.budgetTokens);
    this.#peakBytes = Math.max(this.#peakBytes, solution.peakBytes);
    this.#evictions += solution.evictions;
  }

  /** The figures so far; undefined before the first solution. */
  figures(): PassFigures | undefined {
    const problems = this.#problems.size;
    if (problems === 0) return undefined;
    const shares = [...this.#problems.values()].map(({ right, all }) =>
      right / all
    );
    const passAt1 = shares.reduce((sum, share) => sum + share) / problems;
    return {
      problems,
      solutions: this.#solutions,
      passAt1,
      interval: wilson(passAt1, problems),
      ...(this.#steps && { rightSteps: this.#rightSteps / this.#steps }),
      meanTokens: this.#tokens / this.#solutions,
      cutOff: this.#cutOff / this.#solutions,
      budgetTokens: this.#budgetTokens,
      peakBytes: this.#peakBytes,
      evictions: this.#evictions / this.#solutions,
    };
  }
}
