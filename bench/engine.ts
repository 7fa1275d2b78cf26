import {
  loadModel,
  type Model,
  openBackend,
  Session,
  type SessionOptions,
} from "../mod.ts";
import type { Backend, Generation } from "../mod.ts";
import { UsageError } from "../cli/usage_error.ts";

/** What an engine did; the first token's time is the prompt's. */
export type Decoding = Pick<
  Generation,
  "tokens" | "promptSeconds" | "tokenSeconds"
>;

/** Something that runs a model, on one thread. */
export interface Engine extends AsyncDisposable {
  readonly name: string;
  /** Forgets everything, takes the prompt and decodes `most` likeliest tokens. */
  generate(prompt: readonly number[], most: number): Promise<Decoding>;
}

/** Path of the real model: the argument or `GKV_TEST_MODEL`. */
export function modelPath(argument: string | undefined): string {
  const path = argument ?? Deno.env.get("GKV_TEST_MODEL");
  if (path) return path;
  throw new UsageError(
    "Cannot measure decoding: there is no model, a GGUF file as argument or " +
      "in GKV_TEST_MODEL is needed",
  );
}

/** A session that goes on after an end token: it does not know which they are. */
export function endlessSession(
  backend: Backend,
  { config, decoder }: Model,
  options: SessionOptions,
): Session {
  const [tokenizer, template] = [undefined, undefined];
  return new Session(
    { backend, config, decoder, tokenizer, template },
    options,
  );
}

/** Ours. */
export class Gkv implements Engine {
  readonly name = "gkv";
  readonly model: Model;
  readonly #session: Session;

  private constructor(backend: Backend, model: Model, options: SessionOptions) {
    this.model = model;
    this.#session = endlessSession(backend, model, options);
  }

  /** Loads a GGUF file. */
  static async open(path: string, options: SessionOptions): Promise<Gkv> {
    const backend = await openBackend();
    const model = await loadModel(path, { backend });
    return new Gkv(backend, model, options);
  }

  async generate(prompt: readonly number[], most: number): Promise<Decoding> {
    this.#session.reset();
    const answer = this.#session.generateTokens(prompt, { maxTokens: most });
    for await (const _ of answer);
    return this.#session.generation!;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#session.dispose();
    this.model.dispose();
    return Promise.resolve();
  }
}
