import { Arrivals } from "./arrivals.ts";
import { decodeRuns } from "./decode_runs.ts";
import { CHUNK_TOKENS } from "./decoder.ts";
import type { GenerateOptions } from "./generation.ts";
import type { Run } from "./run.ts";
import type { Session } from "./session.ts";
import type { Message } from "./tokenizer/chat.ts";

/** A generation that goes on beside others, with options of its own. */
export interface BatchRequest extends GenerateOptions {
  /** The text it goes on with: its cache, policy and budget. */
  session: Session;
  /**
   * As {@linkcode Session.generate} takes it; or token ids, as
   * {@linkcode Session.generateTokens} takes them.
   */
  prompt: string | readonly Message[] | { ids: readonly number[] };
}

/** Options of {@linkcode generateBatch}. */
export interface BatchOptions {
  /** Most sequences at a time, 1 to 128; 8 by default. */
  sequences?: number | undefined;
  /** Ends all that have no signal of their own, and lets no other begin. */
  signal?: AbortSignal | undefined;
}

/** What {@linkcode generateBatch} gives: a token of one of the sequences, or its end. */
export interface BatchPiece {
  /** Which request, counted from 0. */
  index: number;
  /** The request's session. */
  session: Session;
  /**
   * The token; absent in the last piece of a sequence, after which its session
   * is idle: `session.generation` says why it ended.
   */
  id?: number;
  /** Text that the token completes, which may be none; no piece cuts a character. */
  text: string;
}

/**
 * Generates answers of several sessions together: each pass over the model's
 * weights gives every one of them a token, so that all take less time than one
 * after the other. What each generates is what it would alone: to the bit on
 * the CPU, to float32 rounding on a GPU.
 *
 * One that ends leaves and the next request begins, also while others go on:
 * requests may come from an array, a generator, or asynchronously as they
 * arrive. Leaving the loop early is fine: every session holds what was generated,
 * which may be a token more than was given here.
 *
 * @throws {RangeError} for a number of sequences out of range.
 * @throws What {@linkcode Session.generate} does; then all end. One that has no
 * room, or is refused before it begins, leaves the others as they were. An error
 * amid a pass leaves their caches between two steps, from which an eviction
 * cannot be taken back, and a GPU does not say whose it was: they must be reset.
 *
 * @example Many prompts, four at a time
 * ```ts ignore
 * const requests = prompts.map((prompt) => ({ session: model.session(), prompt }));
 * const answers = prompts.map(() => "");
 * for await (const { index, text } of generateBatch(requests, { sequences: 4 })) {
 *   answers[index] += text;
 * }
 * ```
 */
export async function* generateBatch(
  requests: Iterable<BatchRequest> | AsyncIterable<BatchRequest>,
  options: BatchOptions = {},
): AsyncGenerator<BatchPiece, void, undefined> {
  const { sequences = 8, signal } = options;
  checkSequences(sequences);
  const pieces = new Map<Run, Pick<BatchPiece, "index" | "session">>();
  let count = 0;
  const begin = (request: BatchRequest): Run => {
    const run = beginOf({ signal, ...request });
    pieces.set(run, { index: count++, session: request.session });
    return run;
  };
  const arrivals = new Arrivals(requests, { most: sequences, signal, begin });
  try {
    for await (const { run, id } of decodeRuns(arrivals)) {
      const piece = pieces.get(run)!;
      if (id === undefined) pieces.delete(run);
      yield id === undefined
        ? { ...piece, text: run.rest() }
        : { ...piece, id, text: run.read(id) };
    }
  } finally {
    arrivals.close();
  }
}

function beginOf({ session, prompt, ...options }: BatchRequest): Run {
  const next = typeof prompt === "object" && "ids" in prompt
    ? { ids: prompt.ids, startsOver: false }
    : session.next(prompt, options);
  return session.begin(next, options);
}

function checkSequences(n: number): void {
  if (Number.isInteger(n) && n >= 1 && n <= CHUNK_TOKENS) return;
  throw new RangeError(
    `Cannot generate ${n} sequences together: a whole number from 1 to ` +
      `${CHUNK_TOKENS} is needed`,
  );
}
