import { finalAnswer } from "../model/evaluation/final_answer.ts";
import type { MathGrader } from "../model/evaluation/math_grader.ts";
import type { JudgedProblem } from "../model/evaluation/pass_rate.ts";
import {
  readProblems,
  type WrittenProblem,
} from "../model/evaluation/problem_file.ts";
import { lemmaChain } from "../train/tasks/lemma_chain.ts";
import type { Task } from "../train/tasks/task.ts";
import { UsageError } from "./usage_error.ts";

/** Problems, and what they are solved with unless something else is said. */
export interface ProblemSet {
  readonly problems: JudgedProblem[];
  /** Budgets, as the command line has them. */
  readonly budget: string;
  /** Generated tokens between evictions; the methods' own when absent. */
  readonly interval?: number;
  /** Most tokens of a solution. */
  readonly maxTokens: number;
}

/** Tasks by name. */
const tasks: Readonly<Record<string, Task>> = { [lemmaChain.name]: lemmaChain };

/** Names of the tasks. */
export const taskNames: string = Object.keys(tasks).join(", ");

/**
 * The problems of a task, fresh ones for each seed, or of a JSONL file.
 *
 * @param n How many; by default 500 of a task, all of a file.
 * @throws {UsageError} for a name that is neither.
 * @throws {TypeError} for a line that is no problem.
 */
export async function problemSetOf(
  name: string,
  n: number | undefined,
  seed: number,
  grader: MathGrader,
): Promise<ProblemSet> {
  if (n !== undefined && !(Number.isInteger(n) && n > 0)) {
    throw new UsageError(`Cannot evaluate ${n} problems: 1 or more are needed`);
  }
  if (Object.hasOwn(tasks, name)) return fromTask(tasks[name], n ?? 500, seed);
  const text = await readFile(name);
  const problems = readProblems(text, name).slice(0, n);
  return {
    problems: problems.map((problem) => judgedBy(grader, problem)),
    budget: "512t,1024t",
    maxTokens: 4096,
  };
}

/** Settings at which the task tells methods apart. */
function fromTask(task: Task, n: number, seed: number): ProblemSet {
  const all = Array.from({ length: n }, (_, i) => task.problem(seed, i));
  return {
    problems: all.map(({ prompt }) => ({
      prompt,
      raw: true,
      judge: (solution) => task.check(prompt, solution),
    })),
    budget: "48t,64t,96t,128t,160t,192t",
    interval: 16,
    maxTokens: Math.max(...all.map(({ solution }) => solution.length)),
  };
}

function judgedBy(
  grader: MathGrader,
  { prompt, answer }: WrittenProblem,
): JudgedProblem {
  return {
    prompt,
    judge: async (solution) => {
      const given = finalAnswer(solution);
      if (given === undefined) return { correct: false };
      return { correct: await grader.isEqual(given, answer) };
    },
  };
}

async function readFile(name: string): Promise<string> {
  try {
    return await Deno.readTextFile(name);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new UsageError(
      `Cannot evaluate task ${name}: ${taskNames} or a JSONL file is needed`,
    );
  }
}
