import { type BatchRequest, generateBatch } from "../batch.ts";
import type { StopReason } from "../generation.ts";
import type { Model } from "../model.ts";
import { uniform } from "../sampling/random.ts";
import type { SamplerOptions } from "../sampling/sampler.ts";
import type { SessionOptions } from "../session_options.ts";
import type { Session } from "../session.ts";
import type { Variant } from "./fidelity.ts";

/** How solutions are written. */
export interface SolveOptions extends Omit<SamplerOptions, "seed"> {
  /** Of the samplers: every solution has one of its own that follows from it. */
  readonly seed: number;
  /** Most tokens of a solution. */
  readonly maxTokens: number;
  /** Most that are written at a time; 8 by default. */
  readonly sequences?: number | undefined;
  /** Ends it early. */
  readonly signal?: AbortSignal | undefined;
  /** Called for what a user should know. */
  readonly onWarning?: ((message: string) => void) | undefined;
}

/** A solution to be written. */
export interface Attempt {
  /** Number of the problem. */
  readonly problem: number;
  /** Number of the solution among the problem's. */
  readonly sample: number;
  /** Tokens of the problem. */
  readonly ids: readonly number[];
}

/** A solution that was written to its end. */
export interface Solution {
  /** What was to be written. */
  readonly attempt: Attempt;
  /** What was written after the prompt. */
  readonly text: string;
  /** Tokens generated. */
  readonly tokens: number;
  /** Why it ended. */
  readonly stopReason: StopReason;
  /** Tokens that an eviction leaves. */
  readonly budgetTokens: number;
  /** Most bytes of cache slots that were in use. */
  readonly peakBytes: number;
  /** Evictions while it was written. */
  readonly evictions: number;
}

/**
 * Writes solutions under one policy and budget, several at a time, each with a
 * cache of its own; after an abort those that had ended. They come as they
 * end. Sampling depends on the seed and the attempt alone, not on what else is
 * solved.
 */
export async function* solve(
  model: Model,
  variant: Variant,
  attempts: readonly Attempt[],
  { seed, sequences, signal, ...options }: SolveOptions,
): AsyncGenerator<Solution, void, undefined> {
  const longest = Math.max(...attempts.map(({ ids }) => ids.length));
  const sessionOptions = withRoom(variant, longest + options.maxTokens);
  const sessions: Session[] = [];
  const idle: Session[] = [];
  const open = () => {
    const session = model.session(sessionOptions);
    sessions.push(session);
    return session;
  };
  function* requests(): Generator<BatchRequest, void> {
    for (const attempt of attempts) {
      const session = idle.pop() ?? open();
      session.reset();
      const prompt = { ids: attempt.ids };
      yield { session, prompt, ...options, seed: seedOf(seed, attempt) };
    }
  }
  const texts = attempts.map(() => "");
  try {
    const pieces = generateBatch(requests(), { sequences, signal });
    for await (const { index, session, id, text } of pieces) {
      texts[index] += text;
      if (id !== undefined) continue;
      const solution = solutionOf(attempts[index]!, texts[index]!, session);
      if (solution.stopReason !== "aborted") yield solution;
      idle.push(session);
    }
  } finally {
    for (const session of sessions) session.dispose();
  }
}

function solutionOf(
  attempt: Attempt,
  text: string,
  { generation, cache }: Session,
): Solution {
  const { budgetTokens, bytes, budgetBytes, evictions } = cache.stats();
  return {
    attempt,
    text,
    tokens: generation!.tokens.length,
    stopReason: generation!.stopReason!,
    budgetTokens,
    // All slots are in use just before an eviction.
    peakBytes: evictions > 0 ? budgetBytes : bytes,
    evictions,
  };
}

/** A cache that keeps everything has no budget but the text's length. */
export function withRoom(variant: Variant, tokens: number): SessionOptions {
  const keepsAll = variant.policy.score === "none";
  return keepsAll ? { ...variant, budget: { tokens } } : variant;
}

function seedOf(seed: number, { problem, sample }: Attempt): number {
  const ofProblem = Math.floor(uniform(seed, problem) * 2 ** 32);
  return Math.floor(uniform(ofProblem, sample) * 2 ** 32);
}
