/**
 * The probabilities that logits stand for: softmax, in float64 whatever the
 * logits are.
 */
export class Distribution {
  /** Logits of all tokens. */
  readonly logits: ArrayLike<number>;
  /** The token with the largest logit; the first of several. */
  readonly likeliest: number;
  readonly #logSum: number;
  /** Computed when another distribution is compared with this one. */
  #probabilities: Float64Array | undefined;

  /** @param logits Of at least one token; kept, not copied. */
  constructor(logits: ArrayLike<number>) {
    this.logits = logits;
    this.likeliest = argmax(logits);
    this.#logSum = logSumExp(logits, logits[this.likeliest]);
  }

  /** Natural logarithm of a token's probability. */
  logProbability(id: number): number {
    return this.logits[id] - this.#logSum;
  }

  /**
   * Kullback-Leibler divergence of another distribution from this one, the
   * true one, in nats; 0 when they are the same.
   */
  divergence(other: Distribution): number {
    const [p, q, weights] = [this.logits, other.logits, this.#weights()];
    let sum = 0;
    for (let id = 0; id < weights.length; id++) {
      sum += weights[id] * (p[id] - q[id]);
    }
    return sum + other.#logSum - this.#logSum;
  }

  #weights(): Float64Array {
    this.#probabilities ??= Float64Array.from(
      this.logits,
      (logit) => Math.exp(logit - this.#logSum),
    );
    return this.#probabilities;
  }
}

/**
 * Kullback-Leibler divergence of softmax(q) from softmax(p), the true one, in
 * nats.
 *
 * @param p Logits.
 * @param q Logits of the same tokens.
 */
export function klDivergence(
  p: ArrayLike<number>,
  q: ArrayLike<number>,
): number {
  return new Distribution(p).divergence(new Distribution(q));
}

function argmax(values: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < values.length; i++) {
    if (values[i] > values[best]) best = i;
  }
  return best;
}

function logSumExp(values: ArrayLike<number>, most: number): number {
  let sum = 0;
  for (let i = 0; i < values.length; i++) sum += Math.exp(values[i] - most);
  return most + Math.log(sum);
}
