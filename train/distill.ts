import { type LearningRate, learningRateAt } from "./adamw.ts";
import { accuracies, lessonArrays } from "./curriculum.ts";
import type { Batch } from "./learner.ts";
import { panelsOf } from "./panels.ts";
import { Random } from "./random.ts";
import type { Policy } from "../cache/policy.ts";
import type { LogEntry } from "./run_folder.ts";
import {
  checkCounts,
  parametersOfRun,
  type Progress,
  Trainer,
  type TrainerOptions,
} from "./trainer.ts";
import { everVisible } from "./twin.ts";

/** Options of {@linkcode distill}. */
export interface DistillOptions extends TrainerOptions {
  /** Run whose model is the teacher, and what the student begins as. */
  readonly from: string;
  /** Problems of a batch; a multiple of the workers. */
  readonly rows: number;
  /** Of every step. */
  readonly learningRate: LearningRate;
  /** What evicts. */
  readonly policy: Policy;
  /** Tokens that an eviction leaves, in turns from batch to batch. */
  readonly budgets: readonly number[];
  /** Share of batches that see the full cache. */
  readonly full: number;
  /**
   * Of teacher and student; 0 learns the written solutions instead of the
   * teacher's logits (fine-tuning, cross-entropy).
   */
  readonly temperature: number;
}

/** Keeps the draws of a step apart from those of problems. */
const STEP_STREAMS = 0xd157;

/**
 * Adapts a model to a compressed cache: it sees only what its own cache would
 * have kept, and learns to say what the teacher says that sees everything.
 *
 * @returns The parameters.
 * @throws {RangeError} when a count is less than 1.
 */
export async function distill(
  options: DistillOptions,
): Promise<Float32Array<ArrayBuffer>> {
  checkCounts(options, ["rows"]);
  const teacher = await parametersOfRun(options.from);
  const begin = () =>
    Promise.resolve({
      parameters: teacher.slice(),
      progress: { step: 0, tokens: 0 },
    });
  using trainer = await Trainer.open<Progress>(
    options,
    options.temperature > 0 ? "distillation" : "crossEntropy",
    begin,
    panelsOf,
  );
  while (!trainer.isDone) {
    await trainer.note(await takeStep(options, trainer, teacher));
  }
  await trainer.save();
  return trainer.parameters;
}

async function takeStep(
  options: DistillOptions,
  trainer: Trainer<Progress>,
  teacher: Float32Array<ArrayBuffer>,
): Promise<LogEntry> {
  const start = performance.now();
  const { task, seed, rows, budgets } = options;
  const step = trainer.progress.step + 1;
  const problems = Array.from(
    { length: rows },
    (_, i) => task.problem(seed, (step - 1) * rows + i),
  );
  const arrays = lessonArrays(task, problems);
  const isFull = new Random(seed ^ STEP_STREAMS, step).next() < options.full;
  const budget = isFull ? undefined : budgets[(step - 1) % budgets.length]!;
  const prompt = problems[0]!.prompt.length;
  const tokens = arrays.ids.length;
  const until = await untilOf(options, trainer, arrays.ids, prompt, budget);
  const batch = await batchOf(options, trainer, teacher, arrays, until);
  const learningRate = learningRateAt(options.learningRate, step, trainer.done);
  const { loss, norm, figures } = await trainer.learn(
    [batch],
    tokens,
    learningRate,
  );
  const { targets, kinds } = arrays;
  const accuracy = accuracies(targets, kinds, figures.predictions!);
  return {
    step,
    tokens: trainer.progress.tokens,
    loss,
    budget: budget ?? "full",
    norm,
    learningRate,
    accuracy: Object.fromEntries(accuracy),
    tokensPerSecond: 1000 * tokens / (performance.now() - start),
  };
}

function untilOf(
  { config, rows, policy }: DistillOptions,
  { parameters, crew }: Trainer<Progress>,
  ids: Int32Array,
  prompt: number,
  budget: number | undefined,
): Promise<Int32Array<ArrayBuffer>> {
  const length = ids.length / rows;
  if (budget === undefined) {
    return Promise.resolve(everVisible(config, rows, length));
  }
  const texts = Array.from(
    { length: rows },
    (_, row) => [...ids.subarray(row * length, (row + 1) * length)],
  );
  const eviction = { policy, tokens: budget };
  return crew.force(parameters, { texts, prompt, eviction });
}

async function batchOf(
  { config, rows, temperature }: DistillOptions,
  { crew }: Trainer<Progress>,
  teacher: Float32Array<ArrayBuffer>,
  arrays: ReturnType<typeof lessonArrays>,
  until: Int32Array<ArrayBuffer>,
): Promise<Batch> {
  const { layers, kvHeads, vocabulary } = config;
  const length = arrays.ids.length / rows;
  const shape = [rows, length];
  const masks = [rows, layers, kvHeads, length];
  const ids = { data: arrays.ids, shape };
  const weights = { data: arrays.weights, shape };
  const batch = { ids, weights, until: { data: until, shape: masks } };
  if (temperature === 0) {
    return { ...batch, targets: { data: arrays.targets, shape } };
  }
  const all = { data: everVisible(config, rows, length), shape: masks };
  const logits = await crew.logits(teacher, { ids, until: all });
  return {
    ...batch,
    teacher: { data: logits, shape: [rows, length, vocabulary] },
    temperature: {
      data: new Float32Array(rows).fill(temperature),
      shape: [rows],
    },
  };
}
