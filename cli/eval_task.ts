import { parseArgs } from "node:util";
import { type BackendName, openBackend } from "../kernels/open.ts";
import type { Variant } from "../model/evaluation/fidelity.ts";
import { MathGrader } from "../model/evaluation/math_grader.ts";
import {
  type JudgedProblem,
  type PassRateOptions,
  passRates,
} from "../model/evaluation/pass_rate.ts";
import type { Model } from "../model/model.ts";
import { cacheTypes, number, policyNames } from "./arguments.ts";
import { type PassRateRow, rowOf, variantsIn } from "./eval_variants.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { problemSetOf, taskNames } from "./problem_set.ts";
import { bar, ProgressLine, remaining } from "./progress.ts";
import { type Row, table } from "./table.ts";
import { UsageError } from "./usage_error.ts";

const options = {
  backend: { type: "string" },
  batch: { type: "string" },
  budget: { type: "string" },
  interval: { type: "string" },
  json: { type: "boolean", default: false },
  "max-tokens": { type: "string" },
  n: { type: "string" },
  policy: { type: "string" },
  samples: { type: "string", default: "1" },
  seed: { type: "string", default: "1000" },
  svg: { type: "string" },
  task: { type: "string" },
  temperature: { type: "string" },
  "top-p": { type: "string" },
  type: { type: "string", default: "f32" },
  window: { type: "string" },
} as const;

/** How to use {@linkcode evaluateTask}. */
export const evalTaskHelp: string = `gkv eval MODEL --task NAME|FILE [options]

  Lets the model solve problems with small caches and with the full one: share
  of right answers (pass@1) with its 95 % interval, tokens, bytes. FILE has a
  JSON object in each line: {prompt, answer}, or problem or question, and
  answer or solution, as AIME, AMC, GSM8K and MATH have them; the answer that
  is boxed, or follows ####, is compared as mathematics.

  --task NAME|FILE         ${taskNames}, or a JSONL file
  --n N                    problems (500 of a task, all of a file)
  --policy NAME,…          ${policyNames} (all)
  --budget 128t,8MiB,25%   budgets (48t to 192t of a task, 512t,1024t)
  --window N               newest tokens that stay and score (each method's)
  --interval N             tokens between evictions (16 in a task, else 128)
  --type NAME,…            ${cacheTypes.join(", ")} (f32)
  --samples N              solutions of each problem (1)
  --batch N                solutions written at a time (8)
  --temperature T --top-p P
  --seed N                 of a task's problems and of sampling (1000)
  --max-tokens N           most tokens of a solution (a task's length, or 4096)
  --svg FILE               a plot: budget against pass@1
  --backend wasm|webgpu|reference
  --json                   one object with all figures`;

/** `gkv eval --task`: what eviction does to a model's solutions. */
export async function evaluateTask(args: string[]): Promise<void> {
  const { values, positionals: [name] } = parse(args);
  if (!name) throw new UsageError("Cannot evaluate: a MODEL is needed");
  if (!values.task) throw new UsageError("Cannot evaluate: --task is needed");
  const settings = settingsOf(values);
  const n = number("n", values.n);
  // What is wrong or missing shall show before the work, not after it.
  using grader = new MathGrader();
  const set = await problemSetOf(values.task, n, settings.seed, grader);
  const all = { maxTokens: set.maxTokens, ...settings };
  const variants = variantsIn(
    { budget: set.budget, ...values, policy: values.policy },
    parametersOf(values, set.interval),
  );
  const plot = values.svg && (await import("./eval_plot.ts")).passRatePlot;
  const progress = new ProgressLine();
  using backend = await openBackend({
    backend: values.backend as BackendName | undefined,
  });
  using model = await load(name, backend, progress);
  const found = await measure(model, set.problems, variants, all, progress);
  if (values.json) {
    const facts = { model: model.name, task: values.task, ...all };
    const backendName = { backend: backend.name };
    console.log(JSON.stringify({ ...facts, ...backendName, ...found }));
  } else console.log(table(found.results.map(describe)));
  if (plot) await Deno.writeTextFile(values.svg!, plot(found.results));
  warnOfInterrupt(found.results, variants.length, set.problems.length);
}

/** The first Ctrl-C ends it with what there is, the second one the program. */
async function measure(
  model: Model,
  problems: readonly JudgedProblem[],
  variants: readonly Variant[],
  settings: PassRateOptions,
  progress: ProgressLine,
): Promise<{ seconds: number; results: PassRateRow[] }> {
  const start = performance.now();
  const rates = await interruptible((signal) =>
    passRates(model, problems, variants, {
      ...settings,
      signal,
      onProgress: ({ done, total }) =>
        progress.show(bar(done, total, remaining(start, done / total))),
      onWarning: (message) => console.error(`gkv: warning: ${message}`),
    })
  ).finally(() => progress.clear());
  const seconds = (performance.now() - start) / 1000;
  return { seconds, results: rates.map(rowOf) };
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Values = ReturnType<typeof parse>["values"];

type Settings =
  & Omit<PassRateOptions, "maxTokens">
  & { seed: number; samples: number; maxTokens?: number };

function settingsOf(values: Values): Settings {
  const samples = number("samples", values.samples)!;
  const temperature = number("temperature", values.temperature) ?? 0;
  if (samples > 1 && temperature === 0) {
    throw new UsageError(
      `Cannot take ${samples} samples at temperature 0: they would be the ` +
        `same, a --temperature is needed`,
    );
  }
  const maxTokens = number("max-tokens", values["max-tokens"]);
  return {
    samples,
    temperature,
    topP: number("top-p", values["top-p"]),
    seed: number("seed", values.seed)!,
    sequences: number("batch", values.batch),
    ...(maxTokens !== undefined && { maxTokens }),
  };
}

function parametersOf(
  values: Values,
  usual: number | undefined,
): { window?: number; interval?: number } {
  const window = number("window", values.window);
  const interval = number("interval", values.interval) ?? usual;
  return {
    ...(window !== undefined && { window }),
    ...(interval !== undefined && { interval }),
  };
}

function warnOfInterrupt(
  rows: readonly PassRateRow[],
  all: number,
  whole: number,
): void {
  const done = rows.filter(({ problems }) => problems === whole).length;
  if (done === all) return;
  console.error(
    `gkv: interrupted: ${done} of ${all} caches have met all ${whole} problems`,
  );
}

/** A line for people. */
function describe(row: PassRateRow): Row {
  const percent = (share: number) => (share * 100).toFixed(1);
  return {
    policy: row.policy,
    type: row.type,
    budget: row.budgetTokens,
    problems: row.problems,
    "pass@1 %": row.passAt1 * 100,
    "95 % interval": row.interval.map(percent).join(" to "),
    ...(row.rightSteps !== undefined && { "steps %": row.rightSteps * 100 }),
    tokens: row.meanTokens,
    "cut off %": row.cutOff * 100,
    "peak KiB": row.peakBytes / 1024,
    evictions: row.evictions,
  };
}
