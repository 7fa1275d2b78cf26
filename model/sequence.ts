import { KVCache } from "../cache/cache.ts";
import type { Phase } from "../cache/options.ts";
import { cannotRestore } from "../cache/snapshot/error.ts";
import { DeviceLostError } from "../gpu/error.ts";
import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import { CHUNK_TOKENS } from "./decoder.ts";
import type { Engine } from "./engine.ts";
import type { EngineHost } from "./engine_host.ts";
import { lacksMemory } from "./load_engine.ts";
import { boundariesOf, joinOptions, newCache } from "./sequence_cache.ts";
import type {
  RestoreSessionOptions,
  SessionOptions,
  WaitingSessionOptions,
} from "./session_options.ts";
import type { SavedSession, Step } from "./session_snapshot.ts";

/** A text that a {@linkcode Sequence} goes on from. */
interface HeldText {
  readonly engine: Engine;
  readonly tokens: number[];
  readonly steps: Step[];
  readonly cache: KVCache;
}

/** The tokens of one text and what a model caches of them. */
export class Sequence {
  /** All tokens; the last {@linkcode pending} are not computed yet. */
  readonly tokens: number[];
  readonly #host: EngineHost;
  readonly #steps: Step[];
  /** Whether its memory is a pool's, which cannot move to another engine. */
  readonly #isPooled: boolean;
  #engine: Engine;
  #cache: KVCache;
  /** Tokens computed of which it is not known yet whether they stay. */
  #ahead = 0;
  /** Tokens of the last chunk computed. */
  #last = 0;

  /** @param held What to go on from, instead of beginning a text. */
  constructor(host: EngineHost, options: SessionOptions, held?: HeldText) {
    const { engine = host.engine, tokens = [], steps = [] } = held ?? {};
    this.#host = host;
    this.#engine = engine;
    this.tokens = tokens;
    this.#steps = steps;
    this.#isPooled = options.pool !== undefined;
    this.#cache = held?.cache ??
      newCache(host, options, tokens, () => this.settle());
  }

  /** A new text, when the pool has room for it. */
  static async admitted(
    host: EngineHost,
    { admit, signal, ...options }: WaitingSessionOptions,
  ): Promise<Sequence> {
    const { engine } = host;
    const tokens: number[] = [];
    const settle = () => sequence.settle();
    const wanted = joinOptions(host, options.pool, options, tokens, settle);
    const waiting = { ...wanted, admit, ...(signal && { signal }) };
    const cache = await options.pool.join(waiting);
    const sequence = new Sequence(host, options, {
      engine,
      tokens,
      steps: [],
      cache,
    });
    return sequence;
  }

  /**
   * The text of a snapshot, with a cache of its own.
   *
   * @throws {SnapshotError} for one that cannot be restored.
   */
  static async restore(
    host: EngineHost,
    saved: SavedSession,
    options: RestoreSessionOptions,
  ): Promise<Sequence> {
    const { engine, config } = host;
    const { layers, queryHeads, kvHeads, headDim } = config;
    const tokens = [...saved.tokens];
    const cache = await KVCache.restore(engine.backend, saved.cache, {
      ...options,
      layers,
      queryHeads,
      kvHeads,
      headDim,
      ...boundariesOf(host, tokens),
    });
    const steps = saved.steps.map((step) => ({ ...step }));
    if (cache.seen === saved.seen) {
      return new Sequence(host, {}, { engine, tokens, steps, cache });
    }
    const { seen } = cache;
    cache.dispose();
    throw cannotRestore(
      `its cache has seen ${seen} tokens, ${saved.seen} are needed`,
    );
  }

  /** The same text once more, with a cache of its own. */
  fork(): Sequence {
    const tokens = [...this.tokens];
    return new Sequence(this.#host, {}, {
      engine: this.#engine,
      tokens,
      steps: this.#steps.map((step) => ({ ...step })),
      cache: this.#cache.fork(boundariesOf(this.#host, tokens)),
    });
  }

  /** How the tokens in the cache were computed. */
  get steps(): readonly Readonly<Step>[] {
    return this.#steps;
  }

  /** Keys and values of the tokens that were computed. */
  get cache(): KVCache {
    return this.#cache;
  }

  /** What computes the tokens. */
  get engine(): Engine {
    return this.#engine;
  }

  /** Where the tokens are computed. */
  get backend(): Backend {
    return this.#engine.backend;
  }

  /** Tokens that are not computed yet. */
  get pending(): number {
    return this.tokens.length - (this.#cache.seen - this.#ahead);
  }

  /**
   * Whether nothing is computed ahead: another text of a pool may have had it
   * taken back, and then the ids that followed are of no use.
   */
  get isSettled(): boolean {
    return this.#ahead === 0;
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
   * Computes a token more of each of several texts, which are on one engine.
   *
   * @param ids Those that are on the device and not known here yet, `i32
   * [sequences]`; by default the pending one of each.
   * @returns Logits `[sequences, vocabulary]`. The decoder is shared: whoever
   * awaits anything before they are used may find another text's.
   */
  static decode(sequences: readonly Sequence[], ids?: Tensor): Tensor {
    const { decoder } = sequences[0].#engine;
    decoder.forwardBatch(
      ids ?? sequences.map(({ tokens, cache }) => tokens[cache.seen]),
      sequences.map(({ cache }) => ({
        cache,
        position: cache.position,
        n: 1,
        phase: "decode",
      })),
    );
    for (const sequence of sequences) {
      if (ids) sequence.#ahead++;
      else sequence.#note(1, "decode");
    }
    return decoder.logits(sequences.length, sequences.length);
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

  /** Logits `[1, vocabulary]` after {@linkcode advance}; as to awaiting, see {@linkcode decode}. */
  logits(): Tensor {
    return this.#engine.decoder.logits(this.#last);
  }

  /** Whether an error means that the text can go on elsewhere. */
  canMove(error: unknown): boolean {
    if (this.#isPooled) return false;
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
    const lost = this.#cache;
    lost.dispose();
    this.#engine = await this.#host.recover(this.#engine, error);
    this.#cache = lost.alike(this.backend);
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
}
