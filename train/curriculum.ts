import { encodeText, type Lesson, type Task } from "./tasks/task.ts";

/** Where a {@linkcode Curriculum} stands: plain data. */
export interface CurriculumState {
  /** From 0, the easiest. */
  level: number;
  /** Batches since the level began. */
  batches: number;
  /** Smoothed accuracy on the level, by kind of token. */
  accuracy: Record<string, number>;
  /** Lessons drawn so far: the number of the next one. */
  drawn: number;
}

/** Tokens to be predicted, row after row. */
export interface LessonBatch {
  /** The level that its lessons are of. */
  level: number;
  /** Lessons. */
  rows: number;
  /** Per row: a text has one more. */
  tokens: number;
  /** What is read, `[rows, tokens]`. */
  ids: Int32Array<ArrayBuffer>;
  /** What is to be predicted, `[rows, tokens]`. */
  targets: Int32Array<ArrayBuffer>;
  /** Sum is 1. */
  weights: Float32Array<ArrayBuffer>;
  /** Kinds of the targets. */
  kinds: string;
}

/** Batches that a level lasts at least. */
const SHORTEST = 10;

/** Share of the old in a smoothed accuracy. */
const SMOOTHING = 0.8;

/** Weight of a token of form (kind `x`) beside one of a skill. */
const FORM_WEIGHT = 0.1;

/**
 * Levels of a task, from the easiest; the next one begins when the skills are
 * mastered.
 */
export class Curriculum {
  /** Where it stands. */
  readonly state: CurriculumState;
  readonly #task: Task;
  readonly #seed: number;

  /**
   * Goes on from a state.
   *
   * @param seed Of the lessons.
   */
  constructor(task: Task, seed: number, state: CurriculumState) {
    this.#task = task;
    this.#seed = seed;
    this.state = structuredClone(state);
  }

  /**
   * Draws a batch.
   *
   * @param size Tokens of it, about.
   * @param multiple What the number of rows is a multiple of.
   */
  next(size: number, multiple: number): LessonBatch {
    const { level } = this.state;
    const tokens = this.#task.lessonLength(level) - 1;
    const rows = Math.max(1, Math.round(size / tokens / multiple)) * multiple;
    const lessons = Array.from(
      { length: rows },
      () => this.#task.lesson(level, this.#seed, this.state.drawn++),
    );
    return { level, rows, tokens, ...lessonArrays(this.#task, lessons) };
  }

  /** Notes how a batch was predicted, and goes a level on when that is due. */
  note(
    { level, targets, kinds }: LessonBatch,
    predictions: ArrayLike<number>,
  ): void {
    const { state } = this;
    state.batches++;
    for (const [kind, value] of accuracies(targets, kinds, predictions)) {
      const old = state.accuracy[kind] ?? value;
      state.accuracy[kind] = SMOOTHING * old + (1 - SMOOTHING) * value;
    }
    if (state.batches > SHORTEST && this.#isMastered()) {
      Object.assign(state, { level: level + 1, batches: 0, accuracy: {} });
    }
  }

  #isMastered(): boolean {
    const { level, accuracy } = this.state;
    if (level === this.#task.levels - 1) return false;
    const needed = level < this.#task.levels - 2 ? 0.93 : 0.97;
    return [...this.#task.skills].every((skill) =>
      (accuracy[skill] ?? 0) > needed
    );
  }
}

/** Share of right predictions, by kind of token. */
export function accuracies(
  targets: ArrayLike<number>,
  kinds: string,
  predictions: ArrayLike<number>,
): Map<string, number> {
  const counts = new Map<string, [right: number, all: number]>();
  for (let i = 0; i < kinds.length; i++) {
    if (kinds[i] === "_") continue;
    const count = counts.get(kinds[i]!) ?? [0, 0];
    if (predictions[i] === targets[i]) count[0]++;
    count[1]++;
    counts.set(kinds[i]!, count);
  }
  return new Map(
    [...counts].map(([kind, [right, all]]) => [kind, right / all]),
  );
}

/** What is to be predicted in texts of one length, and how much it matters. */
export function lessonArrays(
  task: Task,
  lessons: readonly Lesson[],
): Pick<LessonBatch, "ids" | "targets" | "weights" | "kinds"> {
  const texts = lessons.map(({ text }) => encodeText(task, text));
  const kinds = lessons.map(({ kinds }) => kinds.slice(1)).join("");
  const weights = Float32Array.from(kinds, weightOf);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return {
    ids: Int32Array.from(texts.flatMap((ids) => ids.slice(0, -1))),
    targets: Int32Array.from(texts.flatMap((ids) => ids.slice(1))),
    weights: weights.map((weight) => weight / total),
    kinds,
  };
}

function weightOf(kind: string): number {
  return kind === "_" ? 0 : kind === "x" ? FORM_WEIGHT : 1;
}
