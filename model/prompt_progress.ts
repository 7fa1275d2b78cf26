import type { GenerateOptions, Generation } from "./generation.ts";
import type { Sequence } from "./sequence.ts";

/** Counts and shows how much of a prompt is computed. */
export class PromptProgress {
  readonly #sequence: Sequence;
  readonly #generation: Generation;
  readonly #onPrompt: GenerateOptions["onPrompt"];
  readonly #total: number;

  /** Before the first of the sequence's pending tokens is computed. */
  constructor(
    sequence: Sequence,
    generation: Generation,
    { onPrompt }: GenerateOptions,
  ) {
    this.#sequence = sequence;
    this.#generation = generation;
    this.#onPrompt = onPrompt;
    this.#total = sequence.pending;
  }

  /** Notes what is computed now. */
  show(): void {
    const total = this.#total;
    const done = total - this.#sequence.pending;
    this.#generation.promptTokens = done;
    this.#onPrompt?.({ done, total });
  }
}
