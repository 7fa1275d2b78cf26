import type { KVCache } from "../cache/cache.ts";
import type { CacheStats } from "../cache/options.ts";
import type { GpuBackend } from "../gpu/backend.ts";
import type { GpuCounts } from "../gpu/queue.ts";
import type { MemoryStats } from "../kernels/backend.ts";
import { decodeRuns, only } from "./decode_runs.ts";
import type { GenerateOptions, Generation } from "./generation.ts";
import {
  type Continuation,
  continuationOf,
  type PromptParts,
} from "./prompt.ts";
import { Run } from "./run.ts";
import { checkDepth } from "./run_ahead.ts";
import { Sampler } from "./sampling/sampler.ts";
import type { EngineHost } from "./engine_host.ts";
import { Sequence } from "./sequence.ts";
import type { SessionOptions } from "./session_options.ts";
import { writeSession } from "./session_snapshot.ts";
import type { Message } from "./tokenizer/chat.ts";

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
 * A text that a {@linkcode Session} goes on from.
 *
 * @internal
 */
export interface HeldSession {
  /** Tokens and cache. */
  readonly sequence: Sequence;
  /** Whether a warning of the text's length was given. */
  readonly hasWarned: boolean;
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
  #warned: boolean;

  /** Made by {@linkcode Model.session}, or from what is held already. */
  constructor(
    model: EngineHost & PromptParts,
    options: SessionOptions = {},
    held?: HeldSession,
  ) {
    this.#model = model;
    this.#sequence = held?.sequence ?? new Sequence(model, options);
    this.#warned = held?.hasWarned ?? false;
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
   * A conversation may grow: each time all of it can be given, and only what
   * is new is computed. Where it does not begin with the very tokens that the
   * session holds (another answer, an edited message, a template that rewrites
   * earlier turns), the session starts over with it. What was evicted makes no
   * difference: it is the same text, as it is for a string.
   *
   * @param prompt A string is the next message of the user; an array of
   * messages is the whole conversation, from the first one on.
   * @throws {TypeError} while another generation of the session runs, and after
   * an error amid the computation of a token, until it is reset.
   */
  async *generate(
    prompt: string | readonly Message[],
    options: GenerateOptions = {},
  ): AsyncGenerator<string, void, undefined> {
    const run = this.begin(this.next(prompt, options), options);
    for await (const { id } of decodeRuns(only(run))) {
      const text = id === undefined ? run.rest() : run.read(id);
      if (text) yield text;
    }
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
    const run = this.begin({ ids: prompt, startsOver: false }, options);
    for await (const { id } of decodeRuns(only(run))) {
      if (id !== undefined) yield id;
    }
  }

  /**
   * What a prompt adds to the text.
   *
   * @internal
   */
  next(
    prompt: string | readonly Message[],
    { raw = false }: GenerateOptions,
  ): Continuation {
    return continuationOf(this.#model, prompt, this.tokens, raw);
  }

  /**
   * Begins a generation, which must be decoded or released.
   *
   * @internal
   */
  begin(
    { ids, startsOver }: Continuation,
    options: GenerateOptions,
  ): Run {
    this.#checkIdle("generate");
    this.#checkPrompt(ids, startsOver);
    checkDepth(options.runAhead);
    const sampler = new Sampler(this.#model.config.vocabulary, options);
    if (startsOver) this.#clear();
    this.#sequence.push(ids);
    const run = new Run(
      {
        sequence: this.#sequence,
        tokenizer: this.#model.tokenizer,
        warnOfLength: (onWarning) => this.#warnOfLength(onWarning),
        release: () => this.#busy = false,
      },
      sampler,
      options,
    );
    this.#busy = true;
    this.#last = run.generation;
    return run;
  }

  /** Forgets the text; the memory stays allocated. */
  reset(): void {
    this.#checkIdle("reset");
    this.#clear();
  }

  /**
   * The session as bytes, from which {@linkcode Model.restoreSession} goes on:
   * text and cache, not the figures of the last generation. Samplers start
   * anew with every generation, so their seeds are options of those.
   *
   * @throws {TypeError} while a generation runs.
   *
   * @example Go on tomorrow, in two ways
   * ```ts ignore
   * const bytes = await session.save();
   * using restored = await model.restoreSession(bytes);
   * using other = restored.fork();
   * for await (const piece of restored.generate("And then?")) console.log(piece);
   * for await (const piece of other.generate("And why?")) console.log(piece);
   * ```
   */
  async save(): Promise<Uint8Array> {
    this.#checkIdle("save");
    const { tokens, steps, cache } = this.#sequence;
    const text = { tokens, steps, hasWarned: this.#warned };
    return await writeSession(this.#model.fingerprint(), text, cache.save());
  }

  /**
   * Another session with the same text and a cache of its own (outside a
   * pool), of the same budget: one prompt can go on in many ways and is computed once.
   *
   * @throws {TypeError} while a generation runs.
   * @throws {RangeError} when the backend has not enough memory.
   */
  fork(): Session {
    this.#checkIdle("fork");
    const held = { sequence: this.#sequence.fork(), hasWarned: this.#warned };
    return new Session(this.#model, {}, held);
  }

  /** Gives the cache's memory back; using the session afterwards throws. */
  dispose(): void {
    this.#sequence.dispose();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }

  #clear(): void {
    this.#sequence.reset();
    this.#last = undefined;
    this.#warned = false;
  }

  #checkIdle(action: string): void {
    if (!this.#busy) return;
    throw new TypeError(
      `Cannot ${action}: another generation of the session is running, ` +
        "its end is needed",
    );
  }

  #checkPrompt(prompt: readonly number[], startsOver: boolean): void {
    const { vocabulary } = this.#model.config;
    const pending = startsOver ? 0 : this.#sequence.pending;
    const wrong = prompt.find((id) =>
      !Number.isInteger(id) || id < 0 || id >= vocabulary
    );
    if (wrong === undefined && pending + prompt.length > 0) return;
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
