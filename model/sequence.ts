import { KVCache } from "../cache/cache.ts";
import type {
  KVCacheOptions,
  Phase,
  RotaryEmbedding,
} from "../cache/options.ts";
import type { JoinOptions, KVPool, WaitOptions } from "../cache/pool.ts";
import { cannotRestore } from "../cache/snapshot/error.ts";
import type { RestoreOptions } from "../cache/snapshot/options.ts";
import type { Backend, Tensor } from "../kernels/ops.ts";
import type { ModelConfig, RotaryConfig } from "./checkpoint/checkpoint.ts";
import { CHUNK_TOKENS } from "./decoder.ts";
import { DeviceLostError } from "../gpu/error.ts";
import type { Engine } from "./engine.ts";
import { lacksMemory } from "./load_engine.ts";
import { RotaryAngles } from "./rotary.ts";
import type { SavedSession, Step } from "./session_snapshot.ts";
import { BoundaryTable } from "./tokenizer/boundary_table.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/**
 * Options of a {@linkcode Session}: those of its cache. In a pool, budget and
 * type are the pool's.
 */
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
    /** Share this pool's memory with its other sequences. */
    pool?: KVPool | undefined;
  }
  & Pick<JoinOptions, "weight" | "least">;

/** Options of a session that waits until its pool has room. */
export type WaitingSessionOptions =
  & SessionOptions
  & { pool: KVPool }
  & Pick<WaitOptions, "admit" | "signal">;

/** Options of {@linkcode Model.restoreSession}. */
export type RestoreSessionOptions = Pick<
  RestoreOptions,
  "policy" | "record" | "maxBytes"
>;

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
  /** Which model it is, in hexadecimal. */
  fingerprint(): Promise<string>;
}

/** Tokens that a text may have more of than a cache when none is said. */
const DEFAULT_BUDGET = { tokens: 1024 };

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

function newCache(
  host: EngineHost,
  options: SessionOptions,
  tokens: readonly number[],
  settle: () => void,
): KVCache {
  const { pool, weight, least, reposition, ...own } = options;
  if (pool) {
    return pool.join(joinOptions(host, pool, options, tokens, settle));
  }
  if (weight !== undefined || least !== undefined) {
    throw new TypeError(
      "Cannot make a session with a weight or a least: they are those of a " +
        "share, a pool is needed",
    );
  }
  const { layers, queryHeads, kvHeads, headDim, contextLength } = host.config;
  return new KVCache(host.engine.backend, {
    budget: DEFAULT_BUDGET,
    contextLength,
    ...own,
    layers,
    queryHeads,
    kvHeads,
    headDim,
    ...boundariesOf(host, tokens),
    ...rotaryOf(host, reposition),
  });
}

/** What a text asks of a pool. */
function joinOptions(
  host: EngineHost,
  pool: KVPool,
  options: SessionOptions,
  tokens: readonly number[],
  settle: () => void,
): JoinOptions {
  checkPool(host, pool, options);
  const { policy = pool.policy, record = false, weight = 1 } = options;
  const { protectPrompt = false, protectShare, least } = options;
  return {
    policy,
    record,
    weight,
    protectPrompt,
    settle,
    ...(protectShare !== undefined && { protectShare }),
    ...(least !== undefined && { least }),
    ...boundariesOf(host, tokens),
    ...rotaryOf(host, options.reposition),
  };
}

/** Refuses a pool that is of another model or place, and options that are its own. */
function checkPool(
  { config, engine }: EngineHost,
  pool: KVPool,
  options: SessionOptions,
): void {
  const own = (["budget", "dtype", "slots", "contextLength"] as const).find(
    (option) => options[option] !== undefined,
  );
  const sizes = ["layers", "queryHeads", "kvHeads", "headDim"] as const;
  const isAlike = sizes.every((size) => pool.shape[size] === config[size]);
  if (!own && isAlike && pool.backend === engine.backend) return;
  throw new TypeError(
    "Cannot make a session in the pool: " +
      (own
        ? `its ${own} is the pool's, a session without is needed`
        : "it is of another model or backend, one that the model made is " +
          "needed"),
  );
}

function rotaryOf(
  { config: { rotary, headDim } }: EngineHost,
  isWanted = false,
): Pick<KVCacheOptions, "reposition"> {
  return isWanted ? { reposition: rotaryEmbedding(rotary, headDim) } : {};
}

/** What a text has where, which only a tokenizer can tell. */
function boundariesOf(
  { tokenizer }: EngineHost,
  tokens: readonly number[],
): Pick<KVCacheOptions, "boundaryAt"> {
  if (!tokenizer) return {};
  const table = new BoundaryTable(tokenizer);
  return { boundaryAt: (position) => table.of(tokens[position]) };
}

function rotaryEmbedding(
  rotary: RotaryConfig,
  headDim: number,
): RotaryEmbedding {
  const { frequencies } = new RotaryAngles(rotary, headDim);
  return { frequencies, pairing: rotary.pairing };
}
