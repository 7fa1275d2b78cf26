import { parseArgs } from "node:util";
import { full } from "../cache/policies/mod.ts";
import { openBackend } from "../kernels/open.ts";
import type { Session } from "../model/session.ts";
import { lemmaChain } from "../train/tasks/lemma_chain.ts";
import type { Problem } from "../train/tasks/task.ts";
import { number, policyNamed, policyNames } from "./arguments.ts";
import { parseBudget } from "./budget.ts";
import { bytes } from "./figures.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { ProgressLine } from "./progress.ts";
import { SideBySide } from "./side_by_side.ts";
import { table } from "./table.ts";
import { UsageError } from "./usage_error.ts";

const options = {
  budget: { type: "string", default: "96t" },
  interval: { type: "string", default: "16" },
  policy: { type: "string", default: "gkv:mix=0.1" },
  seed: { type: "string" },
} as const;

/** How to use {@linkcode demo}. */
export const demoHelp: string = `gkv demo [MODEL] [options]

  Solves a problem of ${lemmaChain.name} within a small budget and, beside it,
  with the full cache. MODEL is embedded:${lemmaChain.name} if absent.

  --policy NAME            ${policyNames}
                           (gkv:mix=0.1, which the model was trained for)
  --budget 96t|8KiB|25%    most that the small cache holds (96t)
  --interval N             tokens between evictions (16)
  --seed N                 of the problem (another one each time)`;

/** `gkv demo`: one problem, a small cache and the full one. */
export async function demo(args: string[]): Promise<void> {
  const { values, positionals } = parse(args);
  const [name = `embedded:${lemmaChain.name}`] = positionals;
  const interval = number("interval", values.interval)!;
  const policy = policyNamed(values.policy, { interval });
  const budget = parseBudget(values.budget);
  const seed = number("seed", values.seed) ?? Math.floor(Math.random() * 1e6);
  const problem = lemmaChain.problem(seed, 0);
  using backend = await openBackend({ backend: "wasm" });
  using model = await load(name, backend, new ProgressLine());
  using small = model.session({ policy, budget });
  using whole = model.session({
    policy: full(),
    budget: { tokens: problem.text.length },
  });
  const { budgetTokens } = small.cache.stats();
  const titles: [string, string] = [
    `${policy.name}, ${budgetTokens} tokens kept`,
    "full cache",
  ];
  console.log(explanation(problem, seed));
  const texts = await stream(problem, [small, whole], titles);
  const figures = [small, whole].map((session, i) => ({
    cache: titles[i]!,
    ...figuresOf(problem, texts[i]!, session),
  }));
  console.log(`\n${table(figures)}`);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

function explanation({ prompt, answer }: Problem, seed: number): string {
  return `Problem ${seed} of ${lemmaChain.name}: ${prompt}
f takes the first letter of each pair to the second, h(k) = f(f(k)). Derive h,
then go 100 steps from "a": h of the letter before, moved on by the step's last
digit. The right answer is ${answer}; ! marks lines that are wrong.
`;
}

/** Both write, until both or Ctrl-C end it. */
async function stream(
  { prompt, solution }: Problem,
  sessions: readonly [Session, Session],
  titles: readonly [string, string],
): Promise<[string, string]> {
  const write = (text: string) => {
    Deno.stdout.writeSync(new TextEncoder().encode(text));
  };
  const isTerminal = Deno.stdout.isTerminal();
  const ends = lineEnds(solution);
  const columns = new SideBySide(write, solution, ends, isTerminal);
  columns.head(...titles);
  const texts: [string, string] = ["", ""];
  await interruptible(async (signal) => {
    const settings = { raw: true, maxTokens: solution.length, signal };
    const answers = sessions.map((session) =>
      session.generate(prompt, settings)
    );
    for await (const [side, piece] of inTurns(answers)) {
      texts[side] += piece;
      columns.push(side, piece);
    }
  });
  columns.close();
  return texts;
}

/** What two answers give in turns, until both have ended. */
async function* inTurns(
  answers: readonly AsyncGenerator<string, void>[],
): AsyncGenerator<[side: 0 | 1, piece: string], void> {
  for (let ended = 0; ended < answers.length;) {
    ended = 0;
    for (const side of [0, 1] as const) {
      const { done, value } = await answers[side]!.next();
      if (done) ended++;
      else yield [side, value];
    }
  }
}

/** Where lines of a solution end: at lemmas, and at each ten steps. */
function lineEnds(solution: string): number[] {
  const lemmas = [...solution.matchAll(/;/g)].map(({ index }) => index + 1);
  const ends = lemmas.length > 0 ? lemmas : [0];
  // The chain begins with its first state.
  for (let at = ends.at(-1)! + 31; at < solution.length; at += 30) {
    ends.push(at);
  }
  return [...ends, solution.length];
}

function figuresOf(
  { prompt, answer }: Problem,
  text: string,
  session: Session,
): Record<string, string | number> {
  const { correct, rightSteps, steps } = lemmaChain.check(prompt, text);
  const { bytes: used, budgetBytes, evictions } = session.cache.stats();
  // The first token's time is the prompt's.
  const seconds = session.generation!.tokenSeconds.slice(1);
  const total = seconds.reduce((sum, value) => sum + value, 0);
  const given = /=(.)\.$/.exec(text)?.[1] ?? "none";
  return {
    answer: correct ? `${given}, right` : `${given}, wrong (${answer})`,
    "right steps": `${rightSteps} of ${steps}`,
    memory: bytes(evictions > 0 ? budgetBytes : used),
    evictions,
    "tokens/s": Math.round(seconds.length / total),
  };
}
