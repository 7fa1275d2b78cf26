import { KVCache, type KVCacheOptions } from "../cache/cache.ts";
import type { Backend } from "../kernels/ops.ts";
import type { ChatTemplate, Message } from "./tokenizer/chat.ts";
import type { ModelConfig } from "./checkpoint/checkpoint.ts";
import { CHUNK_TOKENS, type Decoder } from "./decoder.ts";
import { Breather } from "./breather.ts";
import { Sampler, type SamplerOptions } from "./sampling/sampler.ts";
import { StopText } from "./stop_text.ts";
import { TextStream } from "./tokenizer/text_stream.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** Options of a {@linkcode Session}: those of its cache. */
export type SessionOptions =
  & Partial<Pick<KVCacheOptions, "budget" | "contextLength">>
  & Pick<
    KVCacheOptions,
    "policy" | "protectPrompt" | "protectShare" | "slots" | "record"
  >;

/** Options of {@linkcode Session.generate}. */
export interface GenerateOptions extends SamplerOptions {
  /** Most tokens to generate; 1,024 by default. */
  maxTokens?: number | undefined;
  /** Texts that end the answer and are not part of it. */
  stop?: readonly string[] | undefined;
  /** Ends the answer; what was generated stays in the session. */
  signal?: AbortSignal | undefined;
  /** Take the prompt as it is, without the model's chat template. */
  raw?: boolean | undefined;
  /** Called after each chunk of the prompt. */
  onPrompt?: ((progress: { done: number; total: number }) => void) | undefined;
  /** Called for what a user should know; prints to the console by default. */
  onWarning?: ((message: string) => void) | undefined;
}

/** Why a generation ended. */
export type StopReason = "endToken" | "stopText" | "maxTokens" | "aborted";

/** What a generation did. */
export interface Generation {
  /** Tokens of the prompt that were computed. */
  promptTokens: number;
  promptSeconds: number;
  /** Generated tokens, the end token included. */
  tokens: number[];
  /** Seconds each generated token took; the first one's are the prompt's. */
  tokenSeconds: number[];
  stopReason: StopReason | undefined;
  /** Seed of the sampler, to repeat it. */
  seed: number;
}

/** What a {@linkcode Session} is made of. */
export interface SessionParts {
  backend: Backend;
  config: ModelConfig;
  decoder: Decoder;
  tokenizer: Tokenizer | undefined;
  template: ChatTemplate | undefined;
}

/** Tokens that a session holds when no budget is given. */
const DEFAULT_BUDGET = { tokens: 1024 };

/**
 * One text or conversation and its cache. Every call of `generate` goes on
 * from where the last one ended.
 */
export class Session implements Disposable {
  /** Keys and values of everything so far, within the budget. */
  readonly cache: KVCache;
  readonly #parts: SessionParts;
  readonly #tokens: number[] = [];
  /** Tokens that are part of the text and not in the cache yet. */
  #pending: number[] = [];
  #last: Generation | undefined;
  #busy = false;
  #warned = false;

  constructor(parts: SessionParts, options: SessionOptions = {}) {
    const { layers, queryHeads, kvHeads, headDim, contextLength } =
      parts.config;
    this.#parts = parts;
    this.cache = new KVCache(parts.backend, {
      budget: DEFAULT_BUDGET,
      contextLength,
      ...options,
      layers,
      queryHeads,
      kvHeads,
      headDim,
    });
  }

  /** All tokens so far: prompts, templates and answers. */
  get tokens(): readonly number[] {
    return this.#tokens;
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
    const ids = this.#encode(prompt, options.raw ?? false);
    const sampler = this.#begin(options);
    try {
      this.#accept(ids, sampler);
      const stream = this.#textStream();
      const stop = new StopText(options.stop ?? []);
      for await (const id of this.#generateIds(sampler, options)) {
        const text = stop.push(stream.push(id));
        if (text) yield text;
        if (stop.found) break;
      }
      if (stop.found) this.#last!.stopReason = "stopText";
      const rest = stop.push(stream.flush()) + stop.flush();
      if (rest) yield rest;
    } finally {
      sampler.dispose();
      this.#busy = false;
    }
  }

  /**
   * As {@linkcode generate}, of token ids: the prompt as it is, every id of
   * the answer, the end token included.
   */
  async *generateTokens(
    prompt: readonly number[],
    options: GenerateOptions = {},
  ): AsyncGenerator<number, void, undefined> {
    const sampler = this.#begin(options);
    try {
      this.#accept(prompt, sampler);
      yield* this.#generateIds(sampler, options);
    } finally {
      sampler.dispose();
      this.#busy = false;
    }
  }

  /** Forgets the text; the memory stays allocated. */
  reset(): void {
    this.cache.reset();
    this.#tokens.length = 0;
    this.#pending = [];
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

  #begin(options: GenerateOptions): Sampler {
    if (this.#busy) {
      throw new TypeError(
        "Cannot generate: another generation of the session is running, " +
          "its end is needed",
      );
    }
    const { backend, config } = this.#parts;
    const sampler = new Sampler(backend, config.vocabulary, options);
    this.#busy = true;
    this.#last = {
      promptTokens: 0,
      promptSeconds: 0,
      tokens: [],
      tokenSeconds: [],
      stopReason: undefined,
      seed: sampler.seed,
    };
    for (const id of this.#tokens) sampler.see(id);
    return sampler;
  }

  #encode(prompt: string | readonly Message[], raw: boolean): number[] {
    const tokenizer = this.#tokenizer();
    const { template } = this.#parts;
    const messages = typeof prompt === "string"
      ? [{ role: "user", content: prompt } as const]
      : prompt;
    const isFirst = this.#tokens.length === 0;
    if (raw || !template) {
      const text = messages.map(({ content }) => content).join("\n");
      return tokenizer.encode(text, { bos: isFirst && tokenizer.addBos });
    }
    if (isFirst) return tokenizer.encode(template.render(messages));
    return this.#withoutSaid(
      tokenizer.encode(template.continuation(...messages)),
    );
  }

  /** The end of the turn is not repeated when the model has said it. */
  #withoutSaid(ids: number[]): number[] {
    return ids[0] === this.#tokens.at(-1) ? ids.slice(1) : ids;
  }

  #tokenizer(): Tokenizer {
    const { tokenizer } = this.#parts;
    if (tokenizer) return tokenizer;
    throw new TypeError(
      "Cannot generate text: the model has no tokenizer, " +
        "generateTokens is needed",
    );
  }

  #textStream(): TextStream {
    return new TextStream(this.#tokenizer(), { startOfText: false });
  }

  #accept(ids: readonly number[], sampler: Sampler): void {
    const { vocabulary } = this.#parts.config;
    const wrong = ids.find((id) => !(id >= 0 && id < vocabulary));
    if (wrong !== undefined || this.#pending.length + ids.length === 0) {
      throw new RangeError(
        `Cannot generate after ${ids.length} tokens: ` +
          (wrong === undefined
            ? "at least one is needed"
            : `${wrong} is none, ids from 0 to ${vocabulary - 1} are needed`),
      );
    }
    for (const id of ids) sampler.see(id);
    this.#tokens.push(...ids);
    this.#pending.push(...ids);
  }

  async *#generateIds(
    sampler: Sampler,
    options: GenerateOptions,
  ): AsyncGenerator<number, void, undefined> {
    const { maxTokens = 1024, signal } = options;
    const last = this.#last!;
    const breather = new Breather();
    const endTokens = this.#parts.tokenizer?.endTokens ?? [];
    while (last.tokens.length < maxTokens) {
      const start = performance.now();
      const rows = await this.#forwardPending(options, breather);
      if (rows === 0) break;
      const id = await sampler.next(this.#parts.decoder.logits(rows));
      this.#note(id, sampler, start);
      yield id;
      if (endTokens.includes(id)) return void (last.stopReason = "endToken");
      await breather.breathe();
    }
    last.stopReason = signal?.aborted ? "aborted" : "maxTokens";
  }

  #note(id: number, sampler: Sampler, start: number): void {
    const last = this.#last!;
    sampler.see(id);
    this.#tokens.push(id);
    this.#pending.push(id);
    last.tokens.push(id);
    last.tokenSeconds.push((performance.now() - start) / 1000);
    if (last.tokens.length === 1) last.promptSeconds = last.tokenSeconds[0];
  }

  /**
   * Computes the tokens that are not in the cache yet.
   *
   * @returns How many went through last; 0 after an abort.
   */
  async #forwardPending(
    { signal, onPrompt, onWarning = console.warn }: GenerateOptions,
    breather: Breather,
  ): Promise<number> {
    const total = this.#pending.length;
    const isPrompt = this.#last!.tokens.length === 0;
    this.#warnOfLength(onWarning);
    let n = 0;
    while (this.#pending.length > 0) {
      if (signal?.aborted) return 0;
      n = this.#forwardChunk(isPrompt);
      if (!isPrompt) continue;
      this.#last!.promptTokens += n;
      onPrompt?.({ done: total - this.#pending.length, total });
      await breather.breathe();
    }
    return n;
  }

  #forwardChunk(isPrompt: boolean): number {
    const { decoder } = this.#parts;
    const room = Math.min(CHUNK_TOKENS, this.cache.room());
    // At least one: a cache without room says so itself.
    const ids = this.#pending.slice(0, Math.max(1, room));
    const isEnd = ids.length === this.#pending.length;
    const phase = !isPrompt ? "decode" : isEnd ? "promptEnd" : "prompt";
    decoder.forward(ids, this.cache.seen, this.cache, phase);
    this.#pending.splice(0, ids.length);
    return ids.length;
  }

  #warnOfLength(onWarning: (message: string) => void): void {
    const { contextLength } = this.#parts.config;
    const tokens = this.#tokens.length;
    if (tokens <= contextLength || this.#warned) return;
    this.#warned = true;
    onWarning(
      `The text has ${tokens} tokens, the model was trained for ` +
        `${contextLength}: what follows may not make sense`,
    );
  }
}
