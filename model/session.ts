import type { KVCache } from "../cache/cache.ts";
import { DeviceLostError } from "../gpu/error.ts";
import { Breather } from "./breather.ts";
import {
  type GenerateOptions,
  type Generation,
  newGeneration,
} from "./generation.ts";
import { encodePrompt, type PromptParts, tokenizerOf } from "./prompt.ts";
import { Sampler } from "./sampling/sampler.ts";
import { type EngineHost, Sequence, type SessionOptions } from "./sequence.ts";
import { StopText } from "./stop_text.ts";
import type { Message } from "./tokenizer/chat.ts";
import { TextStream } from "./tokenizer/text_stream.ts";

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
    const { vocabulary } = this.#model.config;
    const sampler = new Sampler(this.#sequence.backend, vocabulary, options);
    this.#busy = true;
    this.#last = newGeneration(sampler.seed);
    try {
      this.#sequence.push(prompt);
      for (const id of this.tokens) sampler.see(id);
      yield* this.#generateIds(sampler, this.#last, options);
    } finally {
      sampler.dispose();
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
    this.cache.dispose();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  async *#generateIds(
    sampler: Sampler,
    generation: Generation,
    options: GenerateOptions,
  ): AsyncGenerator<number, void, undefined> {
    const { maxTokens = 1024, signal } = options;
    const breather = new Breather();
    const endTokens = this.#model.tokenizer?.endTokens ?? [];
    while (generation.tokens.length < maxTokens) {
      const start = performance.now();
      const computed = await this.#compute(generation, options, breather);
      if (computed === 0) break;
      const id = await this.#sample(sampler, computed, options);
      this.#sequence.push([id]);
      sampler.see(id);
      note(generation, id, start);
      yield id;
      if (endTokens.includes(id)) {
        generation.stopReason = "endToken";
        return;
      }
      await breather.breathe();
    }
    generation.stopReason = signal?.aborted ? "aborted" : "maxTokens";
  }

  /**
   * Computes all pending tokens: a prompt, or the token generated last.
   *
   * @returns How many went through at last; 0 after an abort.
   */
  async #compute(
    generation: Generation,
    { signal, onPrompt, onWarning = console.warn }: GenerateOptions,
    breather: Breather,
  ): Promise<number> {
    const isPrompt = generation.tokens.length === 0;
    const total = this.#sequence.pending;
    this.#warnOfLength(onWarning);
    let n = 0;
    while (this.#sequence.pending > 0) {
      if (signal?.aborted) return 0;
      n = this.#sequence.advance(isPrompt);
      if (!isPrompt) continue;
      generation.promptTokens += n;
      onPrompt?.({ done: total - this.#sequence.pending, total });
      await breather.breathe();
    }
    return n;
  }

  /** Only reading waits for the device, so its loss shows here. */
  async #sample(
    sampler: Sampler,
    computed: number,
    { fallback = true }: GenerateOptions,
  ): Promise<number> {
    try {
      return await sampler.next(this.#sequence.logits(computed));
    } catch (error) {
      if (!(error instanceof DeviceLostError && fallback)) throw error;
      await this.#sequence.recover();
      sampler.moveTo(this.#sequence.backend);
      return await sampler.next(this.#sequence.logits(computed));
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

function note(generation: Generation, id: number, start: number): void {
  const seconds = (performance.now() - start) / 1000;
  if (generation.tokens.length === 0) generation.promptSeconds = seconds;
  generation.tokens.push(id);
  generation.tokenSeconds.push(seconds);
}
