import type { Policy } from "../../cache/policy.ts";
import type { EngineHost } from "../engine_host.ts";
import { Sequence } from "../sequence.ts";
import type { SessionOptions } from "../session_options.ts";
import { type Course, type Lane, Lockstep } from "./lockstep.ts";
import type { Closeness } from "./tally.ts";

/** A cache to compare with the full one. */
export type Variant = SessionOptions & { policy: Policy };

/** What {@linkcode fidelity} finds of a cache. */
export interface Fidelity extends Closeness {
  /** As it was asked for. */
  variant: Variant;
  /** Tokens that an eviction leaves. */
  budgetTokens: number;
  /** Bytes of the cache, all of its slots. */
  bytes: number;
  /** Evictions during the text. */
  evictions: number;
}

/** Results of {@linkcode fidelity}. */
export interface FidelityReport {
  /** The full cache of type f32. */
  reference: Fidelity;
  /** In the order of the variants; after an abort, of the first ones only. */
  variants: Fidelity[];
}

/** Options of {@linkcode fidelity}. */
export interface FidelityOptions {
  /** Tokens of the text that are taken as a prompt; 128 by default. */
  prompt?: number | undefined;
  /**
   * Bytes of caches, besides the full one, that are enough at a time; 384 MiB
   * by default. More variants are measured in several passes over the text.
   */
  memory?: number | undefined;
  /** Ends it early, with what there is so far. */
  signal?: AbortSignal | undefined;
  /** Called as it goes on, with tokens of all variants together. */
  onProgress?:
    | ((progress: { done: number; total: number }) => void)
    | undefined;
}

/**
 * Measures how much a model's predictions of a text change with what its cache
 * forgets.
 *
 * The text is decoded token by token as if it were being generated, so that
 * evictions happen as they do then, and every variant's probabilities of the
 * next token are compared with those of the full cache at the same position.
 * Positions count from the prompt's end to the text's last token but one.
 *
 * All variants go on in step, a chunk behind the full cache: the probabilities
 * kept are those of a chunk, however long the text.
 *
 * @throws {RangeError} for a text that ends with its prompt, a budget that is
 * too small for its policy, or a lack of memory.
 * @throws The signal's reason, when it is aborted before the first position.
 */
export async function fidelity(
  model: EngineHost,
  tokens: readonly number[],
  variants: readonly Variant[],
  options: FidelityOptions = {},
): Promise<FidelityReport> {
  const { prompt = 128, memory = 384 * 2 ** 20, signal } = options;
  checkPrompt(prompt, tokens.length);
  // What is refused shall be so at once, not when others have been measured.
  for (const variant of variants) new Sequence(model, variant).dispose();
  const total = variants.length * (tokens.length - 1 - prompt);
  let done = 0;
  const onPosition = (lanes: number) => {
    done += lanes;
    options.onProgress?.({ done, total });
  };
  return await measure(
    { model, tokens, prompt, memory, signal, onPosition },
    variants,
  );
}

async function measure(
  course: Course,
  variants: readonly Variant[],
): Promise<FidelityReport> {
  const { signal } = course;
  let reference: Fidelity | undefined;
  const results: Fidelity[] = [];
  do {
    using lockstep = new Lockstep(course, variants.slice(results.length));
    await lockstep.run();
    reference ??= resultOf(lockstep.reference);
    if (reference.positions === 0) throw signal!.reason;
    results.push(...lockstep.lanes.map(resultOf));
  } while (results.length < variants.length && !signal?.aborted);
  const variantsMeasured = results.filter(({ positions }) => positions > 0);
  return { reference, variants: variantsMeasured };
}

function resultOf({ variant, sequence, tally }: Lane): Fidelity {
  const { budgetTokens, budgetBytes, evictions } = sequence.cache.stats();
  return {
    variant,
    budgetTokens,
    bytes: budgetBytes,
    evictions,
    ...tally.closeness(),
  };
}

function checkPrompt(prompt: number, length: number): void {
  if (Number.isInteger(prompt) && prompt >= 1 && prompt < length - 1) return;
  throw new RangeError(
    `Cannot measure a text of ${length} tokens after a prompt of ${prompt}: ` +
      `a prompt of at least 1 token and 2 more are needed`,
  );
}
