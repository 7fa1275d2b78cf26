/**
 * The command line of training: `pretrain`, `distill` and `grpo`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { policies } from "../cache/policies/mod.ts";
import type { Policy } from "../cache/policy.ts";
import { UsageError } from "../cli/usage_error.ts";
import type { LearningRate } from "./adamw.ts";
import { distill } from "./distill.ts";
import { grpo } from "./grpo.ts";
import { pretrain } from "./pretrain.ts";
import { lemmaChain } from "./tasks/lemma_chain.ts";
import type { TrainerOptions } from "./trainer.ts";
import { lemmaChainConfig } from "./twin_config.ts";

/** How to use {@linkcode train}. */
export const trainHelp: string = `gkv train pretrain|distill|grpo OUT [options]

  OUT   folder of the run: state, log.jsonl, curves.svg and model/

  pretrain   a model from nothing, on the lessons of lemma-chain
  distill    a student under eviction learns from a teacher with a full cache
  grpo       a model under eviction learns from its own right solutions

  --tokens N           tokens to train on (12.4e6; distill 3.6e6; grpo 2e6)
  --learning-rate R    highest one (2e-3; distill 5e-4; grpo 1e-4)
  --seed N             of everything drawn (1)
  --workers N          data-parallel workers; 0 for none (2)
  --save-every N       log lines from one saved state to the next (50; grpo 5)
  --resume             go on from the state in OUT; say all else as before
  --from RUN           run whose model it begins with; teacher and reference

pretrain:
  --batch N            tokens of a batch, about (7936)
  --level N            level of the curriculum to begin with (0)
  --lifetimes SHARE    of batches on which keys are dropped at random (0)

distill and grpo:
  --policy NAME        ${Object.keys(policies).join(", ")} (gkv)
  --window N           newest tokens, which score (16)
  --interval N         generated tokens between evictions (16)
  --budgets N,N,…      tokens kept, in turns (48,64,96; grpo 96)

distill:
  --rows N             problems of a batch (16)
  --full SHARE         of batches that see the full cache (0.2)
  --temperature T      of teacher and student (1); 0 learns written solutions

grpo:
  --problems N         of a round (8)
  --samples N          solutions of each problem (8)
  --updates N          steps on the samples of a round (2)
  --clip LOW,HIGH      ratios that are still rewarded (0.8,1.28)
  --beta B             weight of the divergence from the beginning (0.01)
  --max-tokens N       of a solution (480)
  --forgive-cut-off    no negative advantage for what was cut off
  --bucket N           texts are padded to multiples of it (128)
  --batch N            most tokens that are computed at once (8192)`;

const common = {
  "learning-rate": { type: "string" },
  "save-every": { type: "string" },
  from: { type: "string" },
  resume: { type: "boolean", default: false },
  seed: { type: "string", default: "1" },
  tokens: { type: "string" },
  workers: { type: "string", default: "2" },
} as const;

const lessons = {
  batch: { type: "string", default: "7936" },
  level: { type: "string", default: "0" },
  lifetimes: { type: "string", default: "0" },
} as const;

const eviction = {
  budgets: { type: "string" },
  interval: { type: "string", default: "16" },
  policy: { type: "string", default: "gkv" },
  window: { type: "string", default: "16" },
} as const;

const distillation = {
  full: { type: "string", default: "0.2" },
  rows: { type: "string", default: "16" },
  temperature: { type: "string", default: "1" },
} as const;

const reinforcement = {
  "forgive-cut-off": { type: "boolean", default: false },
  "max-tokens": { type: "string", default: "480" },
  beta: { type: "string", default: "0.01" },
  batch: { type: "string", default: "8192" },
  bucket: { type: "string", default: "128" },
  clip: { type: "string", default: "0.8,1.28" },
  problems: { type: "string", default: "8" },
  samples: { type: "string", default: "8" },
  updates: { type: "string", default: "2" },
} as const;

const kinds: Record<string, (args: string[]) => Promise<void>> = {
  pretrain: trainPretrain,
  distill: trainDistill,
  grpo: trainGrpo,
};

/** `gkv train`: trains the model of the built-in task. */
export async function train(args: string[]): Promise<void> {
  const [kind = "", ...rest] = args;
  if (Object.hasOwn(kinds, kind)) return await kinds[kind]!(rest);
  throw new UsageError(
    `Cannot train "${kind}": one of ${Object.keys(kinds).join(", ")} is needed`,
  );
}

async function trainPretrain(args: string[]): Promise<void> {
  const values = read(args, { ...common, ...lessons });
  await interruptible((signal) =>
    pretrain({
      ...trainerOptions(values, "12.4e6", "50"),
      signal,
      learningRate: learningRate(values, "2e-3", 100),
      from: values.from as string | undefined,
      batchTokens: number(values, "batch"),
      level: number(values, "level"),
      lifetimes: number(values, "lifetimes"),
    })
  );
}

async function trainDistill(args: string[]): Promise<void> {
  const values = read(args, { ...common, ...eviction, ...distillation });
  await interruptible((signal) =>
    distill({
      ...trainerOptions(values, "3.6e6", "50"),
      signal,
      learningRate: learningRate(values, "5e-4", 20),
      from: beginning(values),
      policy: policyOf(values),
      budgets: numbers(values, "budgets", "48,64,96"),
      rows: number(values, "rows"),
      full: number(values, "full"),
      temperature: number(values, "temperature"),
    })
  );
}

async function trainGrpo(args: string[]): Promise<void> {
  const values = read(args, { ...common, ...eviction, ...reinforcement });
  const [least = 0, greatest = Infinity] = numbers(values, "clip");
  await interruptible((signal) =>
    grpo({
      ...trainerOptions(values, "2e6", "5"),
      signal,
      learningRate: learningRate(values, "1e-4", 10),
      from: beginning(values),
      policy: policyOf(values),
      budgets: numbers(values, "budgets", "96"),
      problems: number(values, "problems"),
      samples: number(values, "samples"),
      updates: number(values, "updates"),
      maxTokens: number(values, "max-tokens"),
      clip: [least, greatest],
      beta: number(values, "beta"),
      forgiveCutOff: values["forgive-cut-off"] === true,
      bucket: number(values, "bucket"),
      batchTokens: number(values, "batch"),
    })
  );
}

type Values = Record<string, string | boolean | undefined>;

function read(
  args: string[],
  options: NonNullable<Parameters<typeof parseArgs>[0]>["options"],
): Values {
  try {
    const parsed = parseArgs({
      args,
      options: options ?? {},
      allowPositionals: true,
    });
    const [out] = parsed.positionals;
    if (out) return { ...parsed.values as Values, out };
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
  throw new UsageError("Cannot train: a folder OUT is needed");
}

/** What all trainings are told, with the defaults of this one. */
function trainerOptions(
  values: Values,
  tokens: string,
  saveEvery: string,
): TrainerOptions {
  return {
    task: lemmaChain,
    config: lemmaChainConfig,
    out: values.out as string,
    resume: values.resume === true,
    seed: number(values, "seed"),
    tokens: number(values, "tokens", tokens),
    workers: number(values, "workers"),
    saveEvery: number(values, "save-every", saveEvery),
  };
}

function learningRate(
  values: Values,
  peak: string,
  warmUp: number,
): LearningRate {
  const rate = number(values, "learning-rate", peak);
  return { peak: rate, warmUp, decay: 0.4, floor: 0.01 };
}

function beginning({ from }: Values): string {
  if (typeof from === "string") return from;
  throw new UsageError("Cannot train: --from RUN is needed");
}

function policyOf(values: Values): Policy {
  const name = values.policy as string;
  if (!Object.hasOwn(policies, name)) {
    throw new UsageError(
      `Cannot use policy ${name}: one of ${Object.keys(policies).join(", ")} ` +
        `is needed`,
    );
  }
  const [window, interval] = [
    number(values, "window"),
    number(values, "interval"),
  ];
  return { ...policies[name]!(), window, interval };
}

function number(values: Values, name: string, byDefault = ""): number {
  return readNumber(name, String(values[name] ?? byDefault));
}

function numbers(values: Values, name: string, byDefault = ""): number[] {
  const text = String(values[name] ?? byDefault);
  return text.split(",").map((part) => readNumber(name, part));
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && text !== "") return value;
  throw new UsageError(
    `Cannot read --${name} ${text}: a number of 0 or more is needed`,
  );
}

/** The first signal ends the training after its step, with its state saved. */
async function interruptible(
  run: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const controller = new AbortController();
  const stop = () => controller.abort();
  const signals = ["SIGINT", "SIGTERM"] as const;
  for (const signal of signals) Deno.addSignalListener(signal, stop);
  try {
    await run(controller.signal);
  } finally {
    for (const signal of signals) Deno.removeSignalListener(signal, stop);
  }
}

if (import.meta.main) {
  if (Deno.args.length === 0 || Deno.args.includes("--help")) {
    console.log(trainHelp);
  } else {
    try {
      await train(Deno.args);
    } catch (error) {
      if (!(error instanceof UsageError)) throw error;
      console.error(`gkv: ${error.message}\n\n${trainHelp}`);
      Deno.exit(2);
    }
  }
}
