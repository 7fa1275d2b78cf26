import { KVCache } from "../cache/cache.ts";
import type {
  KVCacheOptions,
  Phase,
  RotaryEmbedding,
} from "../cache/options.ts";
import type { Backend, Tensor } from "../kernels/ops.ts";
import type { ModelConfig, RotaryConfig } from "./checkpoint/checkpoint.ts";
import { CHUNK_TOKENS } from "./decoder.ts";
import { DeviceLostError } from "../gpu/error.ts";
import type { Engine } from "./engine.ts";
import { lacksMemory } from "./load_engine.ts";
import { RotaryAngles } from "./rotary.ts";
import { BoundaryTable } from "./tokenizer/boundary_table.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** Options of a {@linkcode Session}: those of its cache. */
export type SessionOptions =
  & Partial<Pick<KVCacheOptions, "budget" | "contextLength">>
  & Pick<
    KVCacheOptions,
    "policy" | "protectPrompt" | "protectShare" | "slots" | "record" | "dtype"
  >
  & {
    /**
     * Keep rotary positions within the cache's length, for texts beyond what
     * the model was trained for (arXiv 2309.17453).
     */
    reposition?: boolean;
  };

/** A model, as what runs on it sees it. */
export interface EngineHost {
  /** What the files say of it. */
  readonly config: ModelConfig;
  /** Where the model runs now. */
  readonly engine: Engine;
  /** Tells separators and newlines from other tokens, where there is one. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Another engine in the place of one whose device or memory was lost. */
  recover(lost: Engine, error: unknown): Promise<Engine>;
}

/** Tokens that a text may have more of than a cache when none is said. */
const DEFAULT_BUDGET = { tokens: 1024 };

/** Calls of the decoder with as many tokens each. */
interface Step {
  phase: Phase;
  tokens: number;
  times: number;
}

/** The tokens of one text and what a model caches of them. */
export class Sequence {
  /** All tokens; the last {@linkcode pending} are not computed yet. */
  readonly tokens: number[] = [];
  readonly #host: EngineHost;
  readonly #options: SessionOptions;
  readonly #steps: Step[] = [];
  #engine: Engine;
  #cache: KVCache;
  /** Tokens computed of which it is not known yet whether they stay. */
  #ahead = 0;
  /** Tokens computed in the last call of the decoder. */
  #last = 0;

  constructor(host: EngineHost, options: SessionOptions) {
    this.#host = host;
    this.#options = options;
    this.#engine = host.engine;
    this.#cache = this.#newCache();
  }

  /** Keys and values of the tokens that were computed. */
  get cache(): KVCache {
    return this.#cache;
  }

  /** Where the tokens are computed. */
  get backend(): Backend {
    return this.#engine.backend;
  }

  /** Tokens that are not computed yet. */
  get pending(): number {
    return this.tokens.length - (this.#cache.seen - this.#ahead);
  }

  /** Adds tokens to the text. */
  push(ids: readonly number[]): void {
    // Not as arguments of one call: a prompt may have more than a stack holds.
    for (const id of ids) this.tokens.push(id);
  }

  /** How many of the pending tokens are computed at once. */
  get chunk(): number {
    // At least one: a cache without room says so itself.
    const room = Math.max(1, Math.min(CHUNK_TOKENS, this.#cache.room()));
    return Math.min(this.pending, room);
  }

  /**
   * Computes the next chunk of pending tokens.
   *
   * @param isPrompt Whether they are part of a prompt or were generated.
   */
  advance(isPrompt: boolean): void {
    const n = this.chunk;
    const isEnd = n === this.pending;
    const phase = !isPrompt ? "decode" : isEnd ? "promptEnd" : "prompt";
    this.#forward(n, phase);
    this.#note(n, phase);
  }

  /**
   * Computes a token whose id is not known here yet, and is on the device.
   *
   * @param id `i32 [1]`.
   */
  follow(id: Tensor): void {
    this.#engine.decoder.follow(id, this.#cache.position, this.#cache);
    this.#last = 1;
    this.#ahead++;
  }

  /**
   * Adds a generated token. That there is one means that the one before it
   * stays, in case it was computed ahead.
   */
  accept(id: number): void {
    if (this.pending > 0) {
      this.#ahead--;
      this.#note(1, "decode");
    }
    this.tokens.push(id);
  }

  /** Takes back what was computed ahead and is not needed. */
  settle(): void {
    if (this.#ahead > 0) this.#cache.rollback(this.#ahead);
    this.#ahead = 0;
  }

  /**
   * Logits `[1, vocabulary]` after the last token computed. The decoder is
   * shared: whoever awaits anything in between may get another text's.
   */
  logits(): Tensor {
    return this.#engine.decoder.logits(this.#last);
  }

  /** Whether an error means that the text can go on elsewhere. */
  canMove(error: unknown): boolean {
    return error instanceof DeviceLostError || lacksMemory(this.backend, error);
  }

  /**
   * Moves elsewhere after such an error, and computes all
   * tokens again in the same steps, so that the same ones are evicted; all but
   * those of the last {@linkcode advance}, which are pending again. What was
   * computed ahead is lost.
   */
  async recover(error: unknown): Promise<void> {
    this.#ahead = 0;
    this.#unnote();
    this.#cache.dispose();
    this.#engine = await this.#host.recover(this.#engine, error);
    this.#cache = this.#newCache();
    for (const { phase, tokens, times } of this.#steps) {
      for (let i = 0; i < times; i++) this.#forward(tokens, phase);
    }
  }

  /** Forgets the text; the memory stays allocated. */
  reset(): void {
    this.#ahead = 0;
    this.#cache.reset();
    this.#steps.length = 0;
    this.tokens.length = 0;
  }

  /** Gives the cache's memory back. */
  dispose(): void {
    this.#ahead = 0;
    this.#cache.dispose();
  }

  #forward(n: number, phase: Phase): void {
    const { seen, position } = this.#cache;
    const ids = this.tokens.slice(seen, seen + n);
    this.#engine.decoder.forward(ids, position, this.#cache, phase);
    this.#last = n;
  }

  #note(tokens: number, phase: Phase): void {
    const last = this.#steps.at(-1);
    if (last?.phase === phase && last.tokens === tokens) last.times++;
    else this.#steps.push({ phase, tokens, times: 1 });
  }

  #unnote(): void {
    const last = this.#steps.at(-1);
    if (last && --last.times === 0) this.#steps.pop();
  }

  #newCache(): KVCache {
    const { layers, queryHeads, kvHeads, headDim, contextLength, rotary } =
      this.#host.config;
    const { reposition, ...options } = this.#options;
    return new KVCache(this.backend, {
      budget: DEFAULT_BUDGET,
      contextLength,
      ...options,
      layers,
      queryHeads,
      kvHeads,
      headDim,
      ...this.#boundaries(),
      reposition: reposition ? rotaryEmbedding(rotary, headDim) : undefined,
    });
  }

  /** What the text has where, which only a tokenizer can tell. */
  #boundaries(): Pick<KVCacheOptions, "boundaryAt"> {
    const { tokenizer } = this.#host;
    if (!tokenizer) return {};
    const table = new BoundaryTable(tokenizer);
    return { boundaryAt: (position) => table.of(this.tokens[position]) };
  }
}

function rotaryEmbedding(
  rotary: RotaryConfig,
  headDim: number,
): RotaryEmbedding {
  const { frequencies } = new RotaryAngles(rotary, headDim);
  return { frequencies, pairing: rotary.pairing };
}
