import type { Backend, Tensor } from "../../kernels/ops.ts";
import { uniform } from "./random.ts";
import { likeliest, pick, type Truncation } from "./truncation.ts";

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
interface Settings extends Truncation {
  temperature: number;
  repetitionPenalty: number;
}

/** Chooses tokens from logits. */
export class Sampler {
  /** Seed in use, so that a run can be repeated. */
  readonly seed: number;
  #backend: Backend;
  readonly #options: Settings;
  #choice: Tensor;
  readonly #seen: Uint8Array;
  readonly #everyId: Uint32Array;
  #drawn = 0;

  /**
   * @param vocabulary Number of logits.
   * @throws {RangeError} for an option out of range.
   */
  constructor(backend: Backend, vocabulary: number, options: SamplerOptions) {
    this.#backend = backend;
    this.#options = withDefaults(options);
    this.seed = options.seed ?? Math.floor(Math.random() * 2 ** 32);
    this.#choice = backend.tensor([1], "i32");
    this.#seen = new Uint8Array(vocabulary);
    this.#everyId = Uint32Array.from({ length: vocabulary }, (_, id) => id);
  }

  /** Counts a token as seen, for the repetition penalty. */
  see(id: number): void {
    this.#seen[id] = 1;
  }

  /** The next token, from logits `[1, vocabulary]`, which it may change. */
  async next(logits: Tensor): Promise<number> {
    const { temperature, repetitionPenalty } = this.#options;
    if (repetitionPenalty !== 1) await this.#penalise(logits);
    if (temperature > 0) return this.#draw(logits);
    this.#backend.argmax(logits, this.#choice, 1);
    return (await this.#backend.read(this.#choice))[0];
  }

  /** Goes on with the logits of another backend; the old one is lost. */
  moveTo(backend: Backend): void {
    this.#backend = backend;
    this.#choice = backend.tensor([1], "i32");
  }

  /** Gives the memory back. */
  dispose(): void {
    this.#backend.free(this.#choice);
  }

  async #penalise(logits: Tensor): Promise<void> {
    const { repetitionPenalty: penalty } = this.#options;
    const values = await this.#backend.read(logits, 1);
    this.#seen.forEach((seen, id) => {
      if (seen) values[id] *= values[id] > 0 ? 1 / penalty : penalty;
    });
    this.#backend.write(logits, values);
  }

  async #draw(logits: Tensor): Promise<number> {
    const { temperature, topK, topP, minP } = this.#options;
    this.#backend.softmax(logits, 1, temperature);
    const weights = await this.#backend.read(logits, 1) as Float32Array;
    const truncates = topK > 0 || topP < 1 || minP > 0;
    const ids = truncates ? likeliest(weights, this.#options) : this.#everyId;
    return pick(weights, ids, uniform(this.seed, this.#drawn++));
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
