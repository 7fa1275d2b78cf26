import { type LearningRate, learningRateAt } from "./adamw.ts";
import {
  Curriculum,
  type CurriculumState,
  type LessonBatch,
} from "./curriculum.ts";
import { initialParameters } from "./initial.ts";
import type { Batch } from "./learner.ts";
import { randomLifetimes } from "./lifetimes.ts";
import { panelsOf } from "./panels.ts";
import { Random } from "./random.ts";
import type { LogEntry } from "./run_folder.ts";
import {
  checkCounts,
  parametersOfRun,
  type Progress,
  Trainer,
  type TrainerOptions,
} from "./trainer.ts";
import { everVisible } from "./twin.ts";
import type { TwinConfig } from "./twin_config.ts";

/** Options of {@linkcode pretrain}. */
export interface PretrainOptions extends TrainerOptions {
  /** Tokens of a batch, about. */
  readonly batchTokens: number;
  /** Of every step. */
  readonly learningRate: LearningRate;
  /** Share of batches with {@linkcode randomLifetimes}. */
  readonly lifetimes: number;
  /** Level of the curriculum to begin with. */
  readonly level: number;
  /** Run whose parameters to begin with; random ones if absent. */
  readonly from?: string | undefined;
}

interface PretrainProgress extends Progress {
  curriculum: CurriculumState;
}

/** Keeps the draws of a step apart from those of lessons. */
const STEP_STREAMS = 0x57e9;

/**
 * Trains a model from nothing, or goes on with another run's, on the lessons
 * of a task. It ends with the state, the curves and the model in `out`.
 *
 * @returns The parameters.
 * @throws {RangeError} when a count is less than 1.
 */
export async function pretrain(
  options: PretrainOptions,
): Promise<Float32Array<ArrayBuffer>> {
  checkCounts(options, ["batchTokens"]);
  const begin = () => beginning(options);
  using trainer = await Trainer.open<PretrainProgress>(
    options,
    "crossEntropy",
    begin,
    panelsOf,
  );
  const { progress } = trainer;
  const { curriculum: state } = progress;
  const curriculum = new Curriculum(options.task, options.seed, state);
  while (!trainer.isDone) {
    const entry = await takeStep(options, trainer, curriculum);
    progress.curriculum = curriculum.state;
    await trainer.note(entry);
  }
  await trainer.save();
  return trainer.parameters;
}

async function beginning(
  { config, seed, from, level }: PretrainOptions,
): Promise<
  { parameters: Float32Array<ArrayBuffer>; progress: PretrainProgress }
> {
  const parameters = from === undefined
    ? initialParameters(config, seed)
    : await parametersOfRun(from);
  const curriculum = { level, batches: 0, accuracy: {}, drawn: 0 };
  return { parameters, progress: { step: 0, tokens: 0, curriculum } };
}

async function takeStep(
  options: PretrainOptions,
  trainer: Trainer<PretrainProgress>,
  curriculum: Curriculum,
): Promise<LogEntry> {
  const start = performance.now();
  const step = trainer.progress.step + 1;
  const random = new Random(options.seed ^ STEP_STREAMS, step);
  const lessons = curriculum.next(options.batchTokens, trainer.crew.size);
  const masked = random.next() < options.lifetimes;
  const batch = batchOf(options.config, lessons, masked ? random : undefined);
  const learningRate = learningRateAt(options.learningRate, step, trainer.done);
  const tokens = lessons.rows * lessons.tokens;
  const lecture = await trainer.learn([batch], tokens, learningRate);
  curriculum.note(lessons, lecture.figures.predictions!);
  const { loss, norm } = lecture;
  return {
    step,
    tokens: trainer.progress.tokens,
    loss,
    level: lessons.level,
    masked,
    norm,
    learningRate,
    accuracy: { ...curriculum.state.accuracy },
    tokensPerSecond: 1000 * tokens / (performance.now() - start),
  };
}

function batchOf(
  config: TwinConfig,
  { rows, tokens, ids, targets, weights }: LessonBatch,
  random: Random | undefined,
): Batch {
  const { layers, kvHeads } = config;
  const until = random
    ? randomLifetimes(config, rows, tokens, random)
    : everVisible(config, rows, tokens);
  const shape = [rows, tokens];
  return {
    ids: { data: ids, shape },
    until: { data: until, shape: [rows, layers, kvHeads, tokens] },
    targets: { data: targets, shape },
    weights: { data: weights, shape },
  };
}
