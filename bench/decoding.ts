import {
  type Backend,
  loadModel,
  type Model,
  openBackend,
  type Session,
  type SessionOptions,
} from "../mod.ts";
import { endlessSession } from "../cli/endless_session.ts";

/** What an engine did. */
export interface Decoding {
  readonly tokens: readonly number[];
  /** Seconds until each token was there; the first one's are the prompt's. */
  readonly tokenSeconds: readonly number[];
}

/** Something that runs a model on one thread. */
export interface DecodingPeer extends AsyncDisposable {
  readonly name: string;
  /** Forgets everything, takes the prompt and decodes `most` likeliest tokens. */
  generate(prompt: readonly number[], most: number): Promise<Decoding>;
}

/** Path of the real model: the argument or `GKV_TEST_MODEL`; or the end. */
export function modelPath(argument: string | undefined): string {
  const path = argument ?? Deno.env.get("GKV_TEST_MODEL");
  if (path) return path;
  console.error(
    "Cannot measure decoding: there is no model, a GGUF file as argument or " +
      "in GKV_TEST_MODEL is needed",
  );
  Deno.exit(2);
}

/**
 * Collects tokens and how long each took to come, all that happens between
 * them included.
 */
export async function clock(
  answer: AsyncIterable<number>,
  most: number,
): Promise<Decoding> {
  const tokens: number[] = [];
  const tokenSeconds: number[] = [];
  let start = performance.now();
  for await (const token of answer) {
    const now = performance.now();
    tokenSeconds.push((now - start) / 1000);
    start = now;
    if (tokens.push(token) === most) break;
  }
  return { tokens, tokenSeconds };
}

/** Ours. */
export class Gkv implements DecodingPeer {
  readonly name = "gkv";
  readonly backend: Backend;
  readonly model: Model;
  readonly #session: Session;

  private constructor(backend: Backend, model: Model, options: SessionOptions) {
    this.backend = backend;
    this.model = model;
    this.#session = endlessSession(model, options);
  }

  /** Loads a GGUF file. */
  static async open(path: string, options: SessionOptions): Promise<Gkv> {
    const backend = await openBackend({ backend: "wasm" });
    const model = await loadModel(path, { backend });
    return new Gkv(backend, model, options);
  }

  generate(prompt: readonly number[], most: number): Promise<Decoding> {
    this.#session.reset();
    // One more than is taken: the turn for other tasks is between tokens.
    const options = { maxTokens: most + 1 };
    return clock(this.#session.generateTokens(prompt, options), most);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#session.dispose();
    this.model.dispose();
    this.backend[Symbol.dispose]();
    return Promise.resolve();
  }
}
