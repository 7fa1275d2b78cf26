import type { Backend } from "../../kernels/backend.ts";
import type { Sampling } from "../../kernels/ops.ts";
import type { Tensor } from "../../kernels/tensors.ts";
import { uniform } from "./random.ts";

/** How the next token is chosen. */
export interface SamplerOptions {
  /** Softness of the distribution; 0, the default, takes the likeliest. */
  temperature?: number | undefined;
  /** Only the `topK` likeliest tokens (arXiv 1805.04833); all by default. */
  topK?: number | undefined;
  /** Only the likeliest that make up this probability (arXiv 1904.09751). */
  topP?: number | undefined;
  /** Only tokens this likely, relative to the likeliest (arXiv 2407.01082). */
  minP?: number | undefined;
  /** Divides the logits of tokens seen before (arXiv 1909.05858); 1 is none. */
  repetitionPenalty?: number | undefined;
  /** Same seed, same tokens; drawn by chance when absent. */
  seed?: number | undefined;
}

/** Options with nothing left open. */
interface Settings extends Sampling {
  repetitionPenalty: number;
}

/** Chooses tokens from logits. */
export class Sampler {
  /** Seed in use, so that a run can be repeated. */
  readonly seed: number;
  readonly #settings: Settings;
  readonly #seen: Uint8Array;

  /**
   * @param vocabulary Number of logits.
   * @throws {RangeError} for an option out of range.
   */
  constructor(vocabulary: number, options: SamplerOptions) {
    this.#settings = withDefaults(options);
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.#seen = new Uint8Array(vocabulary);
  }

  /** Counts a token as seen, for the repetition penalty. */
  see(id: number): void {
    this.#seen[id] = 1;
  }

  /** Whether what was seen matters: then every token must be read at once. */
  get penalises(): boolean {
    return this.#settings.repetitionPenalty !== 1;
  }

  /**
   * Enqueues the choice of a token; with a repetition penalty it reads the
   * logits first, and must be waited for.
   *
   * @param logits `[1, vocabulary]`, which are used up.
   * @param out Where its id is written, `i32 [1]`.
   * @param n Which token of the generation it is: the number of its draw.
   */
  choose(
    backend: Backend,
    logits: Tensor,
    out: Tensor,
    n: number,
  ): void | Promise<void> {
    if (!this.penalises) return this.#draw(backend, logits, out, n);
    return backend.read(logits, 1).then((values) => {
      this.#penalise(values);
      // At once: whoever computes others next has the same tensor for them.
      backend.write(logits, values);
      this.#draw(backend, logits, out, n);
    });
  }

  #penalise(values: Float32Array | Int32Array): void {
    const { repetitionPenalty: penalty } = this.#settings;
    this.#seen.forEach((seen, id) => {
      if (seen) values[id] *= values[id] > 0 ? 1 / penalty : penalty;
    });
  }

  #draw(backend: Backend, logits: Tensor, out: Tensor, n: number): void {
    if (this.#settings.temperature === 0) return backend.argmax(logits, out, 1);
    backend.sample(logits, out, this.#settings, uniform(this.seed, n));
  }
}

function withDefaults(
  options: SamplerOptions,
): Settings {
  const { temperature = 0, topK = 0, topP = 1, minP = 0 } = options;
  const { repetitionPenalty = 1 } = options;
  const rules: [string, number, boolean, string][] = [
    ["temperature", temperature, temperature >= 0, "0 or more"],
    ["topK", topK, Number.isInteger(topK) && topK >= 0, "0 or more, whole"],
    ["topP", topP, topP > 0 && topP <= 1, "more than 0 and at most 1"],
    ["minP", minP, minP >= 0 && minP <= 1, "from 0 to 1"],
    ["repetitionPenalty", repetitionPenalty, repetitionPenalty > 0, "over 0"],
  ];
  for (const [name, value, valid, needed] of rules) {
    if (valid) continue;
    throw new RangeError(
      `Cannot sample with ${name} ${value}: a number ${needed} is needed`,
    );
  }
  return { temperature, topK, topP, minP, repetitionPenalty };
}
