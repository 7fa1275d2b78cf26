import {
  getLlama,
  type LlamaContextSequence,
  LlamaLogLevel,
  type Token,
} from "node-llama-cpp";
import { clock, type Decoding, type DecodingPeer } from "../decoding.ts";

/**
 * llama.cpp, native, on one thread, through node-llama-cpp. Greedy: its
 * sampler is a call of its own, as ours is.
 */
export class LlamaCpp implements DecodingPeer {
  readonly name = "llama.cpp";
  readonly #sequence: LlamaContextSequence;
  readonly #release: () => Promise<void>;

  private constructor(
    sequence: LlamaContextSequence,
    release: () => Promise<void>,
  ) {
    this.#sequence = sequence;
    this.#release = release;
  }

  /** Loads a GGUF file. */
  static async open(path: string, contextSize: number): Promise<LlamaCpp> {
    const llama = await getLlama({
      gpu: false,
      build: "never",
      skipDownload: true,
      progressLogs: false,
      logLevel: LlamaLogLevel.disabled,
    });
    const model = await llama.loadModel({ modelPath: path });
    const context = await model.createContext({ contextSize, threads: 1 });
    return new LlamaCpp(context.getSequence(), () => llama.dispose());
  }

  async generate(prompt: readonly number[], most: number): Promise<Decoding> {
    await this.#sequence.clearHistory();
    const answer = this.#sequence.evaluate(prompt as Token[], {
      temperature: 0,
      yieldEogToken: true,
    });
    return clock(answer, most);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#release();
  }
}
