import { AdamW } from "./adamw.ts";
import { loadState, saveState, type TrainingState } from "./checkpoint.ts";
import { type Crew, joinLectures, openCrew } from "./crew.ts";
import type { Panel } from "./curves.ts";
import { exportModel } from "./export.ts";
import type { Batch, Lecture } from "./learner.ts";
import type { ObjectiveName } from "./objectives.ts";
import { type LogEntry, RunFolder } from "./run_folder.ts";
import type { Task } from "./tasks/task.ts";
import type { TwinConfig } from "./twin_config.ts";

/** What every training needs to be told. */
export interface TrainerOptions {
  /** What is learnt. */
  readonly task: Task;
  /** Sizes of the model. */
  readonly config: TwinConfig;
  /** Folder of the run, see {@linkcode RunFolder}. */
  readonly out: string;
  /** Of everything that is drawn. */
  readonly seed: number;
  /** Tokens to train on. */
  readonly tokens: number;
  /** Data-parallel workers; 0 trains in this thread. */
  readonly workers: number;
  /** Go on from the state in `out`, as if there had been no break. */
  readonly resume: boolean;
  /** Lines of the log from one saved state to the next. */
  readonly saveEvery: number;
  /** Ends the training after a step, with its state saved. */
  readonly signal?: AbortSignal | undefined;
  /** Is told what was logged, after every line of the log. */
  readonly onStep?: ((entry: LogEntry) => void) | undefined;
}

/** How far a training is. */
export interface Progress {
  /** Steps of the optimizer so far. */
  step: number;
  /** Tokens trained on so far. */
  tokens: number;
}

/**
 * Refuses what would train nothing, or never come to an end.
 *
 * @param names Options that count something.
 * @throws {RangeError} when one of them is no whole number of 1 or more.
 */
export function checkCounts<T extends TrainerOptions>(
  options: T,
  names: readonly (keyof T & string)[],
): void {
  for (const name of ["saveEvery", ...names] as const) {
    const value = options[name];
    if (Number.isSafeInteger(value) && (value as number) >= 1) continue;
    throw new RangeError(
      `Cannot train with ${name} ${value}: a whole number of 1 or more is ` +
        `needed`,
    );
  }
}

/** Parameters of a run that has ended or was broken off. */
export async function parametersOfRun(
  run: string,
): Promise<Float32Array<ArrayBuffer>> {
  return (await loadState(`${run}/state.safetensors`)).parameters;
}

/**
 * Parameters with their optimizer, a crew and a folder: what all trainings
 * have in common. `P` is what else must be known to go on.
 */
export class Trainer<P extends Progress> implements Disposable {
  /** As they are now. */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** How far it is. */
  readonly progress: P;
  /** What computes gradients and logits, and runs the model. */
  readonly crew: Crew;
  readonly #options: TrainerOptions;
  readonly #folder: RunFolder;
  readonly #optimizer: AdamW;
  readonly #panels: (entries: LogEntry[]) => Panel[];
  #noted = 0;

  private constructor(
    options: TrainerOptions,
    { parameters, mean, square, progress }: TrainingState<P>,
    crew: Crew,
    folder: RunFolder,
    panels: (entries: LogEntry[]) => Panel[],
  ) {
    this.parameters = parameters;
    this.progress = progress;
    this.crew = crew;
    this.#options = options;
    this.#folder = folder;
    this.#panels = panels;
    this.#optimizer = new AdamW(options.config);
    this.#optimizer.mean.set(mean);
    this.#optimizer.square.set(square);
  }

  /**
   * Begins a training, or goes on with it.
   *
   * @param begin Parameters and progress of the beginning.
   * @param panels What is drawn of the log.
   */
  static async open<P extends Progress>(
    options: TrainerOptions,
    objective: ObjectiveName,
    begin: () => Promise<Pick<TrainingState<P>, "parameters" | "progress">>,
    panels: (entries: LogEntry[]) => Panel[],
  ): Promise<Trainer<P>> {
    const state = options.resume
      ? await loadState<P>(`${options.out}/state.safetensors`)
      : withoutMoments(await begin());
    const folder = await RunFolder.open(options.out, state.progress.step);
    const { config, task: { vocabulary } } = options;
    const opening = { config, objective, vocabulary };
    const crew = openCrew(opening, options.workers);
    return new Trainer(options, state, crew, folder, panels);
  }

  /** Whether it has seen all its tokens, or was told to end. */
  get isDone(): boolean {
    const { tokens, signal } = this.#options;
    return this.progress.tokens >= tokens || signal?.aborted === true;
  }

  /** Share of the training that is over. */
  get done(): number {
    return this.progress.tokens / this.#options.tokens;
  }

  /**
   * Takes a step on batches together.
   *
   * @param tokens How many of the training's tokens they are.
   * @returns Loss, gradient and its length, and figures, batch after batch.
   */
  async learn(
    batches: readonly Batch[],
    tokens: number,
    learningRate: number,
  ): Promise<Lecture & { norm: number }> {
    const lectures: Lecture[] = [];
    for (const batch of batches) {
      lectures.push(await this.crew.learn(this.parameters, batch));
    }
    const lecture = joinLectures(lectures);
    const step = this.progress.step + 1;
    const norm = this.#optimizer.update(
      this.parameters,
      lecture.gradient,
      step,
      learningRate,
    );
    this.progress.step = step;
    this.progress.tokens += tokens;
    return { ...lecture, norm };
  }

  /** Logs what was done, and saves when it is time. */
  async note(entry: LogEntry): Promise<void> {
    await this.#folder.log(entry);
    const { saveEvery, onStep } = this.#options;
    if (++this.#noted % saveEvery === 0) await this.save();
    onStep?.(entry);
  }

  /** Writes state, curves and model. */
  async save(): Promise<void> {
    const { mean, square } = this.#optimizer;
    const { parameters, progress } = this;
    const { config, task } = this.#options;
    const path = this.#folder.statePath;
    await saveState(path, { parameters, mean, square, progress });
    await this.#folder.draw(this.#panels);
    await exportModel(this.#folder.modelPath, config, parameters, task, "f32");
  }

  /** Ends the workers. */
  [Symbol.dispose](): void {
    this.crew[Symbol.dispose]();
  }
}

function withoutMoments<P>(
  { parameters, progress }: Pick<TrainingState<P>, "parameters" | "progress">,
): TrainingState<P> {
  const zeros = new Float32Array(parameters.length);
  return { parameters, progress, mean: zeros, square: zeros };
}
