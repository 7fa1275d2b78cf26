import { uniform } from "../model/sampling/random.ts";

/**
 * A stream of random numbers that depends on nothing but a seed and the
 * number of the stream: what a training run has drawn is told by one counter.
 */
export class Random {
  readonly #seed: number;
  #counter = 0;

  /** Stream number `stream` of a seed. */
  constructor(seed: number, stream = 0) {
    this.#seed = Math.floor(uniform(seed, stream) * 2 ** 32);
  }

  /** Uniform in [0, 1). */
  next(): number {
    return uniform(this.#seed, this.#counter++);
  }

  /** Whole, from 0 and below `n`. */
  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  /** Standard normal (Box and Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.next()));
    return radius * Math.cos(2 * Math.PI * this.next());
  }

  /** `items` in random order (Fisher and Yates). */
  shuffled<T>(items: readonly T[]): T[] {
    const out = [...items];
    for (let i = out.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      [out[i], out[j]] = [out[j]!, out[i]!];
    }
    return out;
  }
}
