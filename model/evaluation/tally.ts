import type { Distribution } from "./distribution.ts";

/** How close a model with one cache comes to itself with another one. */
export interface Closeness {
  /** Positions compared. */
  positions: number;
  /** Mean Kullback-Leibler divergence from the full cache, in nats. */
  divergence: number;
  /** Share of the positions at which the likeliest token is the same. */
  agreement: number;
  /** Perplexity of the text itself. */
  perplexity: number;
}

/** Sums up a comparison position by position. */
export class Tally {
  #positions = 0;
  #divergence = 0;
  #agreed = 0;
  #surprise = 0;

  /**
   * Takes a position in.
   *
   * @param truth What the full cache gives.
   * @param next The text's next token.
   */
  add(truth: Distribution, other: Distribution, next: number): void {
    this.#positions++;
    // Not of one and the same: what is left would be rounding.
    if (other !== truth) this.#divergence += truth.divergence(other);
    if (other.likeliest === truth.likeliest) this.#agreed++;
    this.#surprise -= other.logProbability(next);
  }

  /** The means so far; not numbers before the first position. */
  closeness(): Closeness {
    const positions = this.#positions;
    return {
      positions,
      divergence: this.#divergence / positions,
      agreement: this.#agreed / positions,
      perplexity: Math.exp(this.#surprise / positions),
    };
  }
}
