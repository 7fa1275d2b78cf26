import type { SamplerOptions } from "./sampling/sampler.ts";

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
  /**
   * Go on with another device, or on the CPU, when the GPU is lost, and on the
   * CPU when a GPU that nobody asked for has not the memory; the default.
   * Otherwise the generation fails with a `DeviceLostError`, or a
   * `GpuMemoryError`.
   */
  fallback?: boolean | undefined;
  /**
   * Tokens that are enqueued before their ids are read together, 1 to 8: a
   * read waits for the device. By default 1 on the CPU, and on a GPU as many
   * as milliseconds that a read takes. Less just before an eviction, and 1
   * with a repetition penalty. What is generated is the same.
   */
  runAhead?: number | undefined;
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
  /** Seconds until the first token. */
  promptSeconds: number;
  /** Generated tokens, the end token included. */
  tokens: number[];
  /**
   * Seconds each generated token took, the same for all that were read
   * together; the first one's are the prompt's.
   */
  tokenSeconds: number[];
  /** Why it ended; absent while it runs. */
  stopReason: StopReason | undefined;
  /** Seed of the sampler, to repeat it. */
  seed: number;
}

/** A generation that has not begun. */
export function newGeneration(seed: number): Generation {
  return {
    promptTokens: 0,
    promptSeconds: 0,
    tokens: [],
    tokenSeconds: [],
    stopReason: undefined,
    seed,
  };
}
