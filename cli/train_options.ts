import { parseArgs } from "node:util";
import type { Policy } from "../cache/policy.ts";
import type { LearningRate } from "../train/adamw.ts";
import type { DistillOptions } from "../train/distill.ts";
import type { GrpoOptions } from "../train/grpo.ts";
import type { PretrainOptions } from "../train/pretrain.ts";
import type { RewardRule } from "../train/samples.ts";
import type { TrainerOptions } from "../train/trainer.ts";
import { list, policyNamed, policyNames } from "./arguments.ts";
import { UsageError } from "./usage_error.ts";

/** How to use `gkv train`. */
export const trainHelp: string = `gkv train pretrain|distill|grpo OUT [options]

  Trains the little decoder of the task lemma-chain. OUT is the folder of the
  run: state.safetensors, log.jsonl, curves.svg, and model/, which gkv run and
  gkv eval read. Ctrl-C ends it after the step, with its state saved.

  pretrain   a model from nothing, on lessons that get harder
  distill    a model under eviction learns from itself with a full cache
  grpo       a model under eviction learns from its own right solutions

  --tokens N               to train on (3e6; distill 8e5; grpo 1.2e6)
  --learning-rate R        highest one (2e-3; distill 1e-3; grpo 4e-4)
  --seed N                 of everything drawn (1)
  --workers N              data-parallel workers; 0 for none (2)
  --save-every N           lines of the log between saved states (50; grpo 5)
  --resume                 go on from the state in OUT; say all else as before
  --from RUN               run whose model it begins with
  --json                   the last line of the log instead of words

  pretrain:
  --batch N                tokens of a batch, about (1984)
  --level N                lessons to begin with (0; 7 is the task itself)
  --lifetimes SHARE        of batches on which keys are dropped at random (0)

  distill and grpo:
  --policy NAME            ${policyNames}
                           (gkv:mix=0.1: a number of the method's own)
  --window N               newest tokens, which score (16)
  --interval N             generated tokens between evictions (16)
  --budgets N,…            tokens kept, in turns (64,96,96; grpo
                           96,96,96,512, which evicts nothing)

  distill:
  --rows N                 problems of a batch (4)
  --full SHARE             of batches that see the full cache (0.2)
  --temperature T          of both (1); 0 learns written solutions

  grpo:
  --problems N             of a round (8)
  --samples N              solutions of each problem (4)
  --minibatch N            samples of a step (8)
  --epochs N               how often the samples of a round are learnt from (1)
  --clip LOW,HIGH          ratios that are still rewarded (0.8,1.28)
  --beta B                 weight of the divergence from RUN (0)
  --max-tokens N           of a solution (475)
  --reward answer|steps    for the right answer, or for each right step (steps)
  --discount G             what a reward counts for the step before (0)
  --forgive-cut-off        no negative advantage for what was cut off
  --bucket N               texts are padded to multiples of it (512)
  --batch N                most tokens that are computed at once (8192)`;

/** What the command line does not choose. */
type Fixed = "task" | "config" | "signal" | "onStep";

/** A training that was asked for. */
export type Training =
  & { json: boolean }
  & (
    | { kind: "pretrain"; options: Omit<PretrainOptions, Fixed> }
    | { kind: "distill"; options: Omit<DistillOptions, Fixed> }
    | { kind: "grpo"; options: Omit<GrpoOptions, Fixed> }
  );

const common = {
  "learning-rate": { type: "string" },
  "save-every": { type: "string" },
  from: { type: "string" },
  json: { type: "boolean", default: false },
  resume: { type: "boolean", default: false },
  seed: { type: "string", default: "1" },
  tokens: { type: "string" },
  workers: { type: "string", default: "2" },
} as const;

const lessons = {
  batch: { type: "string", default: "1984" },
  level: { type: "string", default: "0" },
  lifetimes: { type: "string", default: "0" },
} as const;

const eviction = {
  budgets: { type: "string" },
  interval: { type: "string", default: "16" },
  policy: { type: "string", default: "gkv:mix=0.1" },
  window: { type: "string", default: "16" },
} as const;

const distillation = {
  full: { type: "string", default: "0.2" },
  rows: { type: "string", default: "4" },
  temperature: { type: "string", default: "1" },
} as const;

const reinforcement = {
  "forgive-cut-off": { type: "boolean", default: false },
  "max-tokens": { type: "string", default: "475" },
  batch: { type: "string", default: "8192" },
  beta: { type: "string", default: "0" },
  bucket: { type: "string", default: "512" },
  clip: { type: "string", default: "0.8,1.28" },
  problems: { type: "string", default: "8" },
  discount: { type: "string", default: "0" },
  epochs: { type: "string", default: "1" },
  minibatch: { type: "string", default: "8" },
  reward: { type: "string", default: "steps" },
  samples: { type: "string", default: "4" },
} as const;

const readers: Record<string, (args: string[]) => Training> = {
  pretrain: readPretrain,
  distill: readDistill,
  grpo: readGrpo,
};

/**
 * Reads what follows `gkv train`.
 *
 * @throws {UsageError} when it cannot be understood.
 */
export function readTraining([kind = "", ...rest]: string[]): Training {
  if (Object.hasOwn(readers, kind)) return readers[kind]!(rest);
  throw new UsageError(
    `Cannot train "${kind}": one of ${Object.keys(readers).join(", ")} ` +
      `is needed`,
  );
}

function readPretrain(args: string[]): Training {
  const values = read(args, { ...common, ...lessons });
  const options = {
    ...trainerOptions(values, 3e6, 50),
    learningRate: learningRate(values, 2e-3, 100),
    from: values.from as string | undefined,
    batchTokens: number(values, "batch"),
    level: number(values, "level"),
    lifetimes: number(values, "lifetimes"),
  };
  return { kind: "pretrain", options, json: values.json === true };
}

function readDistill(args: string[]): Training {
  const values = read(args, { ...common, ...eviction, ...distillation });
  const options = {
    ...trainerOptions(values, 8e5, 50),
    learningRate: learningRate(values, 1e-3, 20),
    ...evictionOptions(values, "64,96,96"),
    rows: number(values, "rows"),
    full: number(values, "full"),
    temperature: number(values, "temperature"),
  };
  return { kind: "distill", options, json: values.json === true };
}

function readGrpo(args: string[]): Training {
  const values = read(args, { ...common, ...eviction, ...reinforcement });
  const [least = 0, greatest = Infinity] = numbers(values, "clip");
  const options = {
    ...trainerOptions(values, 1.2e6, 5),
    learningRate: learningRate(values, 4e-4, 10),
    ...evictionOptions(values, "96,96,96,512"),
    problems: number(values, "problems"),
    samples: number(values, "samples"),
    epochs: number(values, "epochs"),
    minibatch: number(values, "minibatch"),
    maxTokens: number(values, "max-tokens"),
    reward: rewardRule(values.reward),
    discount: number(values, "discount"),
    clip: [least, greatest] as const,
    beta: number(values, "beta"),
    forgiveCutOff: values["forgive-cut-off"] === true,
    bucket: number(values, "bucket"),
    batchTokens: number(values, "batch"),
  };
  return { kind: "grpo", options, json: values.json === true };
}

type Values = Record<string, string | boolean | undefined>;

function read(
  args: string[],
  options: NonNullable<NonNullable<Parameters<typeof parseArgs>[0]>["options"]>,
): Values {
  try {
    const parsed = parseArgs({ args, options, allowPositionals: true });
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
  tokens: number,
  saveEvery: number,
): Omit<TrainerOptions, Fixed> {
  return {
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
  peak: number,
  warmUp: number,
): LearningRate {
  const rate = number(values, "learning-rate", peak);
  return { peak: rate, warmUp, decay: 0.4, floor: 0.01 };
}

/** What trainings under eviction are told. */
function evictionOptions(
  values: Values,
  budgets: string,
): { from: string; policy: Policy; budgets: number[] } {
  if (typeof values.from !== "string") {
    throw new UsageError("Cannot train: --from RUN is needed");
  }
  const policy = policyNamed(values.policy as string, {
    window: number(values, "window"),
    interval: number(values, "interval"),
  });
  const kept = numbers({ budgets, ...values }, "budgets");
  return { from: values.from, policy, budgets: kept };
}

function rewardRule(text: Values[string]): RewardRule {
  if (text === "answer" || text === "steps") return text;
  throw new UsageError(
    `Cannot reward "${text}": one of answer, steps is needed`,
  );
}

function number(values: Values, name: string, byDefault?: number): number {
  return readNumber(name, String(values[name] ?? byDefault));
}

function numbers(values: Values, name: string): number[] {
  return list(String(values[name])).map((part) => readNumber(name, part));
}

function readNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isFinite(value) && value >= 0 && text !== "") return value;
  throw new UsageError(
    `Cannot read --${name} ${text}: a number of 0 or more is needed`,
  );
}
