import type { Backend } from "../kernels/ops.ts";
import { type ChatTemplate, chatTemplateOf } from "./tokenizer/chat.ts";
import type { Checkpoint, ModelConfig } from "./checkpoint/checkpoint.ts";
import type { Decoder } from "./decoder.ts";
import type { Engine } from "./engine.ts";
import { fileSources } from "./files/files.ts";
import { openCheckpoint } from "./checkpoint/open.ts";
import { lacksMemory, loadEngine, loadOwn } from "./load_engine.ts";
import type { EngineHost, SessionOptions } from "./sequence.ts";
import { Session } from "./session.ts";
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
   * Starts a text with a cache of its own.
   *
   * @throws {RangeError} when the budget is too small or memory runs out.
   * @throws {TypeError} when the model was disposed of.
   */
  session(options: SessionOptions = {}): Session {
    if (this.#disposed) {
      throw new TypeError("Cannot make a session: the model was disposed of");
    }
    return new Session(this, options);
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
