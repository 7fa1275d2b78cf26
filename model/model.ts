import type { CacheShape } from "../cache/layer.ts";
import { KVPool, type KVPoolOptions } from "../cache/pool.ts";
import type { Backend } from "../kernels/backend.ts";
import { type ChatTemplate, chatTemplateOf } from "./tokenizer/chat.ts";
import type { Checkpoint, ModelConfig } from "./checkpoint/checkpoint.ts";
import type { Decoder } from "./decoder.ts";
import type { Engine } from "./engine.ts";
import { fileSources } from "./files/files.ts";
import { openCheckpoint } from "./checkpoint/open.ts";
import { lacksMemory, loadEngine, loadOwn } from "./load_engine.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { EngineHost } from "./engine_host.ts";
import { Sequence } from "./sequence.ts";
import type {
  RestoreSessionOptions,
  SessionOptions,
  WaitingSessionOptions,
} from "./session_options.ts";
import { Session } from "./session.ts";
import { readSession } from "./session_snapshot.ts";
import type { ByteSource } from "./checkpoint/source.ts";
import { Tokenizer } from "./tokenizer/tokenizer.ts";
import type { LoadOptions } from "./weights.ts";

/** Options of {@linkcode loadModel}. */
export interface LoadModelOptions extends LoadOptions {
  /** Where the model goes; not disposed of with it. */
  backend: Backend;
}

/**
 * Loads a model: opens its files and streams the tensors into the backend.
 *
 * @param files The path of a GGUF file or of a Hugging Face folder (Deno, Node,
 * Bun), or its files in whatever form, see {@linkcode ByteSource}.
 * @throws {ModelFormatError} when the files are not a model that can be run.
 * @throws {RangeError} when the backend has not enough memory; where nobody
 * asked for a GPU that has not, the model goes to WebAssembly.
 *
 * @example
 * ```ts ignore
 * import { gkv, loadModel, openBackend } from "@gkv/gkv";
 *
 * using backend = await openBackend();
 * using model = await loadModel("SmolLM2-135M-Instruct.Q4_1.gguf", { backend });
 * using session = model.session({ budget: { tokens: 512 }, policy: gkv() });
 * for await (const piece of session.generate("Why is the sky blue?")) {
 *   console.log(piece);
 * }
 * ```
 */
export async function loadModel(
  files: string | readonly ByteSource[],
  options: LoadModelOptions,
): Promise<Model> {
  const sources = typeof files === "string"
    ? await fileSources(files)
    : [...files];
  const checkpoint = await openCheckpoint(sources);
  const tokenizer = checkpoint.tokenizer &&
    new Tokenizer(checkpoint.tokenizer);
  const { backend } = options;
  const { engine, own } = await loadEngine(backend, checkpoint, options);
  return new Model(engine, checkpoint, tokenizer, own);
}

/** A loaded model, which any number of sessions share. */
export class Model implements EngineHost, Disposable {
  /** File or folder it came from. */
  readonly name: string;
  /** What the files say of it. */
  readonly config: ModelConfig;
  /** Absent when the files have none: such a model takes token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** Absent when the files have none: prompts are taken as they are. */
  readonly template: ChatTemplate | undefined;
  readonly #checkpoint: Checkpoint;
  #engine: Engine;
  /** The backend that took the place of the given one; the model owns it. */
  #replacement: Backend | undefined;
  #recovery: Promise<Engine> | undefined;
  #fingerprint: Promise<string> | undefined;
  /** Where other sessions still are, of engines that had no memory for one. */
  readonly #left: Disposable[] = [];
  #disposed = false;

  /** Made by {@linkcode loadModel}, which opens the files. */
  constructor(
    engine: Engine,
    checkpoint: Checkpoint,
    tokenizer: Tokenizer | undefined,
    own: Backend | undefined,
  ) {
    this.#engine = engine;
    this.#replacement = own;
    this.#checkpoint = checkpoint;
    this.name = checkpoint.name;
    this.config = checkpoint.config;
    this.tokenizer = tokenizer;
    this.template = checkpoint.tokenizer &&
      chatTemplateOf(checkpoint.tokenizer);
  }

  /** Where the model runs now. */
  get engine(): Engine {
    return this.#engine;
  }

  /** The forward pass on the model's backend. */
  get decoder(): Decoder {
    return this.#engine.decoder;
  }

  /** Bytes of the files' tensors that every token needs: an embedding is looked up. */
  get weightBytes(): number {
    const { tensors } = this.#checkpoint;
    const lookedUp = tensors.has("output.weight") ? "token_embd.weight" : "";
    return [...tensors].reduce(
      (sum, [name, { bytes }]) => name === lookedUp ? sum : sum + bytes,
      0,
    );
  }

  /**
   * Memory that sessions share: `session({ pool })`.
   *
   * @throws {RangeError} when the budget is too small or memory runs out.
   * @throws {TypeError} when the model was disposed of.
   */
  pool(options: Omit<KVPoolOptions, keyof CacheShape>): KVPool {
    this.#alive("pool");
    const { layers, queryHeads, kvHeads, headDim } = this.config;
    const shape = { layers, queryHeads, kvHeads, headDim };
    return new KVPool(this.#engine.backend, { ...options, ...shape });
  }

  /**
   * Starts a text with a cache of its own, or with a share of a pool when
   * that has room.
   *
   * @throws {RangeError} when the budget is too small, memory runs out or the
   * pool cannot admit it.
   * @throws {TypeError} when the model was disposed of.
   */
  session(options: WaitingSessionOptions): Promise<Session>;
  /**
   * Starts a text with a cache of its own, or with a share of a pool.
   *
   * @throws {RangeError} when the budget is too small, memory runs out or the
   * pool cannot admit it.
   * @throws {TypeError} when the model was disposed of.
   */
  session(options?: SessionOptions): Session;
  session(
    options: SessionOptions | WaitingSessionOptions = {},
  ): Session | Promise<Session> {
    this.#alive();
    if (!("admit" in options)) return new Session(this, options);
    return Sequence.admitted(this, options).then((sequence) =>
      new Session(this, {}, { sequence, hasWarned: false })
    );
  }

  /**
   * The session that {@linkcode Session.save} made bytes of, with the same
   * budget and a cache of its own: it goes on as if it had never stopped.
   *
   * @throws {SnapshotError} for bytes that are no such snapshot, or of another
   * model; nothing was changed.
   * @throws {RangeError} when the backend has not enough memory.
   * @throws {TypeError} when the model was disposed of.
   */
  async restoreSession(
    bytes: Uint8Array,
    options: RestoreSessionOptions = {},
  ): Promise<Session> {
    this.#alive();
    const { vocabulary } = this.config;
    const saved = await readSession(
      bytes,
      await this.fingerprint(),
      vocabulary,
    );
    this.#alive();
    const sequence = await Sequence.restore(this, saved, options);
    return new Session(this, {}, { sequence, hasWarned: saved.hasWarned });
  }

  /**
   * Which model it is, in hexadecimal: the same for the same files, wherever
   * they are (configuration, tokenizer and a part of the weights).
   */
  fingerprint(): Promise<string> {
    return this.#fingerprint ??= fingerprintOf(this.#checkpoint);
  }

  /**
   * Loads the model again after the loss of its device: onto a new one, or
   * onto the CPU where none comes or where memory was wanting. Sessions call
   * it when they need to.
   *
   * @param lost The engine that was in use; another one is given as it is.
   * @param error What made it of no use.
   */
  recover(lost: Engine, error: unknown): Promise<Engine> {
    if (this.#engine !== lost) return Promise.resolve(this.#engine);
    this.#recovery ??= this.#reload(error).finally(() => {
      this.#recovery = undefined;
    });
    return this.#recovery;
  }

  #alive(what = "session"): void {
    if (!this.#disposed) return;
    throw new TypeError(`Cannot make a ${what}: the model was disposed of`);
  }

  async #reload(error: unknown): Promise<Engine> {
    const lost = this.#engine, before = this.#replacement;
    const isAlive = lacksMemory(lost.backend, error);
    const which = isAlive ? { backend: "wasm" } as const : {};
    const { engine, own } = await loadOwn(which, this.#checkpoint);
    if (isAlive) this.#left.push(lost, ...(before ? [before] : []));
    else before?.[Symbol.dispose]();
    this.#engine = engine;
    this.#replacement = own;
    return engine;
  }

  /** Gives the weights' memory back; its sessions must not be used then. */
  dispose(): void {
    if (this.#disposed) return;
    this.#disposed = true;
    for (const left of this.#left) left[Symbol.dispose]();
    this.#engine[Symbol.dispose]();
    this.#replacement?.[Symbol.dispose]();
  }

  /** {@linkcode dispose}, for `using`. */
  [Symbol.dispose](): void {
    this.dispose();
  }
}
