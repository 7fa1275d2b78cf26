import type { KVCache } from "../cache/cache.ts";
import {
  type GenerateOptions,
  type Generation,
  newGeneration,
  type StopReason,
} from "./generation.ts";
import type { Tensor } from "../kernels/tensors.ts";
import { PromptProgress } from "./prompt_progress.ts";
import type { Sampler } from "./sampling/sampler.ts";
import type { Sequence } from "./sequence.ts";
import { StopText } from "./stop_text.ts";
import { TextStream } from "./tokenizer/text_stream.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** What a {@linkcode Run} is one of. */
export interface RunOwner {
  /** The text; its prompt is pending. */
  readonly sequence: Sequence;
  /** Absent in a model of token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** Warns of a text that is too long, before each token. */
  readonly warnOfLength: (onWarning: (message: string) => void) => void;
  /** Called when nothing more comes. */
  readonly release: () => void;
}

/** One generation of a session, from its prompt to its end. */
export class Run {
  /** The text it goes on with. */
  readonly sequence: Sequence;
  /** What it did so far. */
  readonly generation: Generation;
  readonly #owner: RunOwner;
  readonly #sampler: Sampler;
  readonly #options: GenerateOptions;
  readonly #progress: PromptProgress;
  readonly #stream: TextStream | undefined;
  readonly #stop: StopText;
  readonly #since = performance.now();

  /** @param options Checked already. */
  constructor(owner: RunOwner, sampler: Sampler, options: GenerateOptions) {
    const { sequence, tokenizer } = owner;
    this.#owner = owner;
    this.#sampler = sampler;
    this.#options = options;
    this.sequence = sequence;
    this.generation = newGeneration(sampler.seed);
    this.#progress = new PromptProgress(sequence, this.generation, options);
    this.#stream = tokenizer && new TextStream(tokenizer);
    this.#stop = new StopText(options.stop ?? []);
    for (const id of sequence.tokens) sampler.see(id);
  }

  /** What its text is cached in. */
  get cache(): KVCache {
    return this.sequence.cache;
  }

  /** Whether it has a token yet. */
  get hasStarted(): boolean {
    return this.generation.tokens.length > 0;
  }

  /** Whether it has ended; {@linkcode generation} says why. */
  get hasEnded(): boolean {
    return this.generation.stopReason !== undefined;
  }

  /** Tokens that may come yet. */
  get left(): number {
    const { maxTokens = 1024 } = this.#options;
    return maxTokens - this.generation.tokens.length;
  }

  /** Tokens that it wants to be computed before any is read. */
  depth(byDefault: number): number {
    // The first token is on its own: somebody waits for it.
    if (!this.hasStarted || this.#sampler.penalises) return 1;
    const wanted = this.#options.runAhead ?? byDefault;
    return Math.min(this.left, wanted, 1 + this.cache.stepsToEviction());
  }

  /** Ends it if it is aborted or has all its tokens; whether it has ended. */
  isOver(): boolean {
    if (this.hasEnded) return true;
    if (this.#options.signal?.aborted) this.end("aborted");
    else if (this.left <= 0) this.end("maxTokens");
    return this.hasEnded;
  }

  /** Whether it can take a token that was computed ahead. */
  takesMore(): boolean {
    return !this.isOver() && !this.sequence.isSettled;
  }

  /**
   * Computes a chunk of the prompt, but not the last one, which the first token
   * needs; whether there was another one.
   */
  prefill(): boolean {
    if (this.sequence.chunk >= this.sequence.pending) return false;
    this.sequence.advance(true);
    this.#progress.show();
    return true;
  }

  /** Warns of what a user should know before the next token. */
  warn(): void {
    const { onWarning = console.warn } = this.#options;
    this.#owner.warnOfLength(onWarning);
  }

  /** Enqueues the choice of the token that is `ahead` of the next one. */
  choose(logits: Tensor, out: Tensor, ahead: number): void | Promise<void> {
    const n = this.generation.tokens.length + ahead;
    return this.#sampler.choose(this.sequence.backend, logits, out, n);
  }

  /** Whether it can go on elsewhere after an error. */
  canMove(error: unknown): boolean {
    const { fallback = true } = this.#options;
    return fallback && this.sequence.canMove(error);
  }

  /** Takes a token that was chosen, and `seconds` to come, into the text. */
  accept(id: number, seconds: number): void {
    const { generation } = this;
    if (!this.hasStarted) {
      this.#progress.show();
      generation.promptSeconds = seconds = this.#seconds();
    }
    this.sequence.accept(id);
    this.#sampler.see(id);
    generation.tokens.push(id);
    generation.tokenSeconds.push(seconds);
    if (this.#owner.tokenizer?.endTokens.includes(id)) this.end("endToken");
  }

  /** Text that a token completes; a stop text ends the run. */
  read(id: number): string {
    const text = this.#stop.push(this.#stream?.push(id) ?? "");
    if (this.#stop.found) this.end("stopText");
    return text;
  }

  /** What was held back of the text, at its end. */
  rest(): string {
    return this.#stop.push(this.#stream?.flush() ?? "") + this.#stop.flush();
  }

  /** Nothing more comes. */
  end(reason: StopReason): void {
    this.generation.stopReason = reason;
  }

  /** Takes back what was computed ahead; the session is idle again. */
  release(): void {
    this.sequence.settle();
    this.#owner.release();
  }

  #seconds(): number {
    return (performance.now() - this.#since) / 1000;
  }
}
