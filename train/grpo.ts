import type { Policy } from "../cache/policy.ts";
import type { LearningRate } from "./adamw.ts";
import { learningRateAt } from "./adamw.ts";
import type { Curve, Panel } from "./curves.ts";
import type { Lecture } from "./learner.ts";
import { Random } from "./random.ts";
import type { LogEntry } from "./run_folder.ts";
import {
  type AdvantageOptions,
  momentsOf,
  type RewardRule,
  type Sample,
  sampleGroups,
} from "./samples.ts";
import { type Bucket, minibatchesOf } from "./sample_batches.ts";
import {
  checkCounts,
  parametersOfRun,
  type Progress,
  Trainer,
  type TrainerOptions,
} from "./trainer.ts";

/** Options of {@linkcode grpo}. */
export interface GrpoOptions extends TrainerOptions, AdvantageOptions {
  /** Run whose model it begins with, and which it must not go far from. */
  readonly from: string;
  /** Problems of a round. */
  readonly problems: number;
  /** Solutions of each problem: a group. */
  readonly samples: number;
  /** How often the samples of a round are learnt from. */
  readonly epochs: number;
  /** Samples of a step. */
  readonly minibatch: number;
  /** Of every step. */
  readonly learningRate: LearningRate;
  /** What evicts while solutions are written. */
  readonly policy: Policy;
  /** Tokens that an eviction leaves, in turns from round to round. */
  readonly budgets: readonly number[];
  /** Most tokens of a solution. */
  readonly maxTokens: number;
  /** What is rewarded, see {@linkcode rewardsOf}. */
  readonly reward: RewardRule;
  /** Least and greatest ratio of probabilities that is still rewarded. */
  readonly clip: readonly [least: number, greatest: number];
  /** Weight of the divergence from where it began. */
  readonly beta: number;
  /** Texts are padded to multiples of so many tokens. */
  readonly bucket: number;
  /** Most tokens, padding included, that gradients are computed of at once. */
  readonly batchTokens: number;
}

interface GrpoProgress extends Progress {
  rounds: number;
}

/** Options without which a round would be empty or endless. */
const counts = [
  "problems",
  "samples",
  "epochs",
  "minibatch",
  "maxTokens",
  "bucket",
  "batchTokens",
] as const;

/** Keeps the draws of samples apart from those of problems. */
const SAMPLE_STREAMS = 0x64b0;

/**
 * Group relative policy optimisation (arXiv 2402.03300) under eviction: a
 * model solves problems within a budget and learns, under the mask of what it
 * saw, from which of its own solutions, or of their steps, were right. Every
 * token of an optimizer's step has the same weight (arXiv 2503.14476), so that
 * a solution gains nothing by its length; one that was cut off is wrong.
 *
 * @returns The parameters.
 * @throws {RangeError} when a count is less than 1.
 */
export async function grpo(
  options: GrpoOptions,
): Promise<Float32Array<ArrayBuffer>> {
  checkCounts(options, counts);
  const reference = await parametersOfRun(options.from);
  const begin = () =>
    Promise.resolve({
      parameters: reference.slice(),
      progress: { step: 0, tokens: 0, rounds: 0 },
    });
  using trainer = await Trainer.open<GrpoProgress>(
    options,
    "policyGradient",
    begin,
    grpoPanels,
  );
  while (!trainer.isDone) {
    await trainer.note(await takeRound(options, trainer, reference));
  }
  await trainer.save();
  return trainer.parameters;
}

async function takeRound(
  options: GrpoOptions,
  trainer: Trainer<GrpoProgress>,
  reference: Float32Array<ArrayBuffer>,
): Promise<LogEntry> {
  const start = performance.now();
  const { progress } = trainer;
  const budget = options.budgets[progress.rounds % options.budgets.length]!;
  const groups = await drawGroups(options, trainer, budget);
  const samplingSeconds = (performance.now() - start) / 1000;
  const steps = await minibatchesOf(options, trainer, reference, groups);
  const tokens = groups.flat().reduce((sum, { ids }) => sum + ids.length, 0);
  const lectures = await learnFrom(options, trainer, steps, tokens);
  progress.rounds++;
  return {
    step: progress.step,
    tokens: progress.tokens,
    budget,
    ...outcomeOf(groups),
    ...figuresOf(options, steps, lectures),
    samplingSeconds,
    seconds: (performance.now() - start) / 1000,
  };
}

type GrpoLecture = Lecture & { norm: number };

/** Takes a round's steps, as often as there are epochs; what the last taught. */
async function learnFrom(
  { epochs, learningRate }: GrpoOptions,
  trainer: Trainer<GrpoProgress>,
  steps: readonly Bucket[][],
  tokens: number,
): Promise<GrpoLecture[]> {
  const lectures: GrpoLecture[] = [];
  for (let i = 0; i < epochs * steps.length; i++) {
    const done = Math.min(1, trainer.done);
    const rate = learningRateAt(learningRate, trainer.progress.step + 1, done);
    const batches = steps[i % steps.length]!.map(({ batch }) => batch);
    lectures.push(await trainer.learn(batches, i === 0 ? tokens : 0, rate));
  }
  return lectures.slice(-steps.length);
}

function drawGroups(
  options: GrpoOptions,
  trainer: Trainer<GrpoProgress>,
  tokens: number,
): Promise<Sample[][]> {
  const { task, seed, problems: count, policy } = options;
  const { rounds } = trainer.progress;
  const problems = Array.from(
    { length: count },
    (_, i) => task.problem(seed, rounds * count + i),
  );
  const random = new Random(seed ^ SAMPLE_STREAMS, rounds);
  const eviction = { policy, tokens };
  return sampleGroups(trainer, task, problems, eviction, random, options);
}

/** What became of the samples, in means. */
function outcomeOf(groups: Sample[][]): Record<string, number> {
  const samples = groups.flat();
  const mean = (value: (sample: Sample) => number) =>
    momentsOf(samples.map(value)).mean;
  const valuesOf = (group: Sample[]) =>
    group.flatMap(({ rewards }) => rewards.map(({ value }) => value));
  const undecided = groups.filter((group) =>
    momentsOf(valuesOf(group)).deviation === 0
  );
  return {
    correct: mean(({ isCorrect }) => isCorrect ? 1 : 0),
    reward: momentsOf(valuesOf(samples)).mean,
    cutOff: mean(({ isCutOff }) => isCutOff ? 1 : 0),
    length: mean(({ ids, prompt }) => ids.length - prompt),
    /** Groups that teach nothing: all rewards are the same. */
    undecided: undecided.length / groups.length,
  };
}

/** Means over the steps of an epoch, of tokens those that count. */
function figuresOf(
  { clip: [least, greatest] }: GrpoOptions,
  steps: Bucket[][],
  lectures: GrpoLecture[],
): { loss: number } & Record<string, number> {
  const mean = (value: (figures: Lecture["figures"], i: number) => number) =>
    momentsOf(
      lectures.map(({ figures }, step) =>
        weightsOf(steps[step]!).reduce(
          (sum, w, i) => w > 0 ? sum + w * value(figures, i) : sum,
          0,
        )
      ),
    ).mean;
  const isClipped = (ratio: number) => ratio < least || ratio > greatest;
  return {
    loss: momentsOf(lectures.map(({ loss }) => loss)).mean,
    norm: momentsOf(lectures.map(({ norm }) => norm)).mean,
    entropy: mean(({ entropy }, i) => entropy![i]!),
    divergence: mean(({ divergence }, i) => divergence![i]!),
    clipped: mean(({ ratio }, i) => isClipped(ratio![i]!) ? 1 : 0),
  };
}

function weightsOf(buckets: Bucket[]): number[] {
  return buckets.flatMap(({ weights }) => [...weights]);
}

function grpoPanels(entries: LogEntry[]): Panel[] {
  const curve = (name: string): Curve => ({
    name,
    points: entries.map((entry) => [
      entry.tokens / 1e6,
      entry[name] as number,
    ]),
  });
  return [
    { title: "share", curves: ["correct", "reward", "cutOff"].map(curve) },
    { title: "nats per token", curves: ["entropy", "divergence"].map(curve) },
    { title: "tokens of a solution", curves: [curve("length")] },
  ];
}
