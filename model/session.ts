import type { KVCache } from "../cache/cache.ts";
import type { CacheStats } from "../cache/options.ts";
import type { GpuBackend } from "../gpu/backend.ts";
import type { GpuCounts } from "../gpu/queue.ts";
import type { MemoryStats } from "../kernels/ops.ts";
import { Breather } from "./breather.ts";
import {
  type GenerateOptions,
  type Generation,
  newGeneration,
} from "./generation.ts";
import { PromptProgress } from "./prompt_progress.ts";
import { encodePrompt, type PromptParts, tokenizerOf } from "./prompt.ts";
import { RunAhead } from "./run_ahead.ts";
import { Sampler } from "./sampling/sampler.ts";
import { type EngineHost, Sequence, type SessionOptions } from "./sequence.ts";
import { StopText } from "./stop_text.ts";
import type { Message } from "./tokenizer/chat.ts";
import { TextStream } from "./tokenizer/text_stream.ts";

/** Figures of {@linkcode Session.stats}. */
export interface SessionStats {
  /** Of the session's own cache. */
  cache: CacheStats;
  /** Of the backend, with all that is on it. */
  memory: MemoryStats;
  /** What went to the GPU since it was opened; absent where there is none. */
  gpu?: GpuCounts;
}

/**
 * One text or conversation and its cache. Every call of `generate` goes on
 * from where the last one ended.
 */
export class Session implements Disposable {
  readonly #model: EngineHost & PromptParts;
  readonly #sequence: Sequence;
  #last: Generation | undefined;
  #busy = false;
  #warned = false;

  /** Made by {@linkcode Model.session}. */
  constructor(model: EngineHost & PromptParts, options: SessionOptions = {}) {
    this.#model = model;
    this.#sequence = new Sequence(model, options);
  }

  /** Keys and values of everything so far, within the budget. */
  get cache(): KVCache {
    return this.#sequence.cache;
  }

  /** All tokens so far: prompts, templates and answers. */
  get tokens(): readonly number[] {
    return this.#sequence.tokens;
  }

  /** Figures of the last generation, also while it runs. */
  get generation(): Generation | undefined {
    return this.#last;
  }

  /** What is used, and what went to the GPU. */
  stats(): SessionStats {
    const { cache, backend } = this.#sequence;
    const { counts } = backend as Partial<GpuBackend>;
    return {
      cache: cache.stats(),
      memory: backend.memory(),
      ...(counts && { gpu: { ...counts } }),
    };
  }

  /**
   * Generates an answer, piece by piece; no piece cuts a character.
   *
   * It ends at an end token, a stop text, `maxTokens` or an abort; why is in
   * {@linkcode generation}. Leaving the loop early is fine: the session holds
   * what was generated.
   *
   * @param prompt A user's message, or several messages with their roles.
   * @throws {TypeError} while another generation of the session runs.
   */
  async *generate(
    prompt: string | readonly Message[],
    options: GenerateOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    const { raw = false, stop: stops = [] } = options;
    const ids = encodePrompt(this.#model, prompt, this.tokens, raw);
    const stream = new TextStream(tokenizerOf(this.#model));
    const stop = new StopText(stops);
    for await (const id of this.generateTokens(ids, options)) {
      const text = stop.push(stream.push(id));
      if (text) yield text;
      if (stop.found) break;
    }
    if (stop.found) this.#last!.stopReason = "stopText";
    const rest = stop.push(stream.flush()) + stop.flush();
    if (rest) yield rest;
  }

  /**
   * As {@linkcode generate}, of token ids: the prompt as it is, every id of
   * the answer, the end token included. After an abort or `maxTokens` an empty
   * prompt goes on.
   *
   * @throws {RangeError} for ids that are none, or no token at all.
   */
  async *generateTokens(
    prompt: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void, undefined> {
    this.#checkIdle();
    this.#checkPrompt(prompt);
    const sampler = new Sampler(this.#model.config.vocabulary, options);
    const ahead = new RunAhead(this.#sequence, sampler, options);
    this.#busy = true;
    this.#last = newGeneration(sampler.seed);
    try {
      this.#sequence.push(prompt);
      for (const id of this.tokens) sampler.see(id);
      yield* this.#generateIds(ahead, this.#last, options);
    } finally {
      ahead.dispose();
      this.#busy = false;
    }
  }

  /** Forgets the text; the memory stays allocated. */
  reset(): void {
    this.#checkIdle();
    this.#sequence.reset();
    this.#last = undefined;
    this.#warned = false;
  }

  /** Gives the cache's memory back; using the session afterwards throws. */
  dispose(): void {
    this.#sequence.dispose();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async *#generateIds(
    ahead: RunAhead,
    generation: Generation,
    options: GenerateOptions,
  ): AsyncGenerator<number, void, undefined> {
    const { maxTokens = 1024, signal, onWarning = console.warn } = options;
    const breather = new Breather();
    const endTokens = this.#model.tokenizer?.endTokens ?? [];
    const { tokens } = generation;
    const progress = new PromptProgress(this.#sequence, generation, options);
    while (tokens.length < maxTokens) {
      const start = performance.now();
      await breather.breathe();
      this.#warnOfLength(onWarning);
      if (tokens.length === 0) await this.#prefill(progress, breather, signal);
      if (signal?.aborted) break;
      const ids = await ahead.next(tokens.length, maxTokens - tokens.length);
      if (tokens.length === 0) progress.show();
      const seconds = (performance.now() - start) / 1000 / ids.length;
      for (let i = 0; i < ids.length && !(i > 0 && signal?.aborted); i++) {
        ahead.accept(ids[i]);
        note(generation, ids[i], seconds);
        yield ids[i];
        if (!endTokens.includes(ids[i])) continue;
        generation.stopReason = "endToken";
        return;
      }
    }
    generation.stopReason = signal?.aborted ? "aborted" : "maxTokens";
  }

  /** Computes a prompt but for the last chunk, which the first token needs. */
  async #prefill(
    progress: PromptProgress,
    breather: Breather,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    while (this.#sequence.chunk < this.#sequence.pending) {
      if (signal?.aborted) return;
      this.#sequence.advance(true);
      progress.show();
      await breather.breathe();
    }
  }

  #checkIdle(): void {
    if (!this.#busy) return;
    throw new TypeError(
      "Cannot generate: another generation of the session is running, " +
        "its end is needed",
    );
  }

  #checkPrompt(prompt: readonly number[]): void {
    const { vocabulary } = this.#model.config;
    const wrong = prompt.find((id) =>
      !Number.isInteger(id) || id < 0 || id >= vocabulary
    );
    if (wrong === undefined && this.#sequence.pending + prompt.length > 0) {
      return;
    }
    throw new RangeError(
      `Cannot generate after ${prompt.length} tokens: ` +
        (wrong === undefined
          ? "at least one is needed"
          : `${wrong} is none, ids from 0 to ${vocabulary - 1} are needed`),
    );
  }

  #warnOfLength(onWarning: (message: string) => void): void {
    const { contextLength } = this.#model.config;
    if (this.tokens.length <= contextLength || this.#warned) return;
    this.#warned = true;
    onWarning(
      `The text has ${this.tokens.length} tokens, the model was trained for ` +
        `${contextLength}: what follows may not make sense`,
    );
  }
}

function note(generation: Generation, id: number, seconds: number): void {
  if (generation.tokens.length === 0) generation.promptSeconds = seconds;
  generation.tokens.push(id);
  generation.tokenSeconds.push(seconds);
}
