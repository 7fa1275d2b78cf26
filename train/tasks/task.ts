/** A text that a model is trained on. */
export interface Lesson {
  /** All of it. */
  readonly text: string;
  /**
   * One letter per character, what there is to learn: `_` nothing (it cannot
   * be predicted), `x` form, any other one a skill.
   */
  readonly kinds: string;
}

/** A question with its solution. */
export interface Problem extends Lesson {
  /** Where the model begins to write. */
  readonly prompt: string;
  /** What it should write: {@linkcode Lesson.text} without the prompt. */
  readonly solution: string;
  /** The end of the solution that is asked for. */
  readonly answer: string;
}

/** Judgement of a solution. */
export interface Check {
  /** Whether the answer is right and the solution ends with it. */
  readonly correct: boolean;
  /** Steps that follow from the prompt and from what was written before. */
  readonly rightSteps: number;
  /** Steps of a whole solution. */
  readonly steps: number;
  /**
   * All that should be there, the answer at the end. After a step without its
   * form the text cannot be told apart into steps: the others are empty.
   */
  readonly written: readonly WrittenStep[];
}

/** A step of a solution; giving the answer is one as well. */
export interface WrittenStep {
  /** Characters of the solution before it. */
  readonly start: number;
  /** Characters of the solution up to its end. */
  readonly end: number;
  /** Whether it follows from the prompt and from what was written before. */
  readonly isRight: boolean;
}

/** Problems without end, and a judge of their solutions. */
export interface Task {
  /** As options name it. */
  readonly name: string;
  /** Characters of all texts; the token of a character is its index. */
  readonly vocabulary: string;
  /** Characters of a whole text. */
  readonly length: number;
  /** Levels of {@linkcode lesson}. */
  readonly levels: number;
  /** Skills (letters of `kinds`) that must be mastered to go a level on. */
  readonly skills: string;

  /** Problem number `index` of a seed. */
  problem(seed: number, index: number): Problem;

  /** A text of a level of the curriculum, 0 the easiest. */
  lesson(level: number, seed: number, index: number): Lesson;

  /** Characters of a {@linkcode lesson} of a level. */
  lessonLength(level: number): number;

  /** Judges what was written after a prompt. */
  check(prompt: string, solution: string): Check;
}

/** Tokens of a text. */
export function encodeText(task: Task, text: string): number[] {
  return Array.from(text, (character) => {
    const id = task.vocabulary.indexOf(character);
    if (id >= 0) return id;
    throw new RangeError(
      `Cannot encode "${character}": it is no character of ${task.name}, ` +
        `one of ${task.vocabulary} is needed`,
    );
  });
}

/** The text of tokens; `~` for those without a character. */
export function decodeTokens(task: Task, ids: Iterable<number>): string {
  return Array.from(ids, (id) => task.vocabulary[id] ?? "~").join("");
}
