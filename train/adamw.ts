import {
  type Parameter,
  parametersOf,
  type TwinConfig,
} from "./twin_config.ts";

/** Settings of {@linkcode AdamW}. */
export interface AdamWOptions {
  /** Decay of the mean of gradients; 0.9. */
  readonly beta1?: number;
  /** Decay of the mean of their squares; 0.98. */
  readonly beta2?: number;
  /** Added to the root of the latter; 1e-8. */
  readonly epsilon?: number;
  /** Share of a matrix that a learning rate of 1 takes away; 0.05. */
  readonly weightDecay?: number;
  /** Longest gradient; a longer one is shortened to it; 1. */
  readonly clip?: number;
}

/**
 * AdamW (arXiv 1711.05101) with the gradient's norm clipped (arXiv 1211.5063).
 * Norms do not decay. It is plain TypeScript: for the little models of this
 * project a step takes milliseconds, a batch seconds.
 */
export class AdamW {
  /** Mean of the gradients. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** Mean of their squares. */
  readonly square: Float32Array<ArrayBuffer>;
  readonly #parameters: Parameter[];
  readonly #options: Required<AdamWOptions>;

  /** Moments of zero. */
  constructor(config: TwinConfig, options: AdamWOptions = {}) {
    this.#parameters = parametersOf(config);
    this.#options = {
      beta1: 0.9,
      beta2: 0.98,
      epsilon: 1e-8,
      weightDecay: 0.05,
      clip: 1,
      ...options,
    };
    const { offset, size } = this.#parameters.at(-1)!;
    this.mean = new Float32Array(offset + size);
    this.square = new Float32Array(offset + size);
  }

  /**
   * Changes parameters in place.
   *
   * @param step Number of the step, from 1.
   * @returns Length of the gradient before it was clipped.
   * @throws {RangeError} for a gradient that is not finite; nothing is changed.
   */
  update(
    values: Float32Array,
    gradient: Float32Array,
    step: number,
    learningRate: number,
  ): number {
    const length = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    if (!Number.isFinite(length)) {
      throw new RangeError(
        `Cannot train on step ${step}: the gradient is not finite, ` +
          `a lower learning rate is needed`,
      );
    }
    const { beta1, beta2, epsilon, weightDecay, clip } = this.#options;
    const scale = Math.min(1, clip / (length + 1e-6));
    const [unbias1, unbias2] = [1 - beta1 ** step, 1 - beta2 ** step];
    const { mean, square } = this;
    for (const { shape, offset, size } of this.#parameters) {
      const kept = 1 - (shape.length > 1 ? learningRate * weightDecay : 0);
      for (let i = offset; i < offset + size; i++) {
        const g = gradient[i]! * scale;
        mean[i] = beta1 * mean[i]! + (1 - beta1) * g;
        square[i] = beta2 * square[i]! + (1 - beta2) * g * g;
        const root = Math.sqrt(square[i]! / unbias2) + epsilon;
        values[i] = kept * values[i]! -
          learningRate * mean[i]! / unbias1 / root;
      }
    }
    return length;
  }
}

/** Settings of {@linkcode learningRateAt}. */
export interface LearningRate {
  /** Highest rate. */
  readonly peak: number;
  /** Steps in which it is reached, in a straight line. */
  readonly warmUp: number;
  /** Share of the training at the end in which it falls along a cosine. */
  readonly decay: number;
  /** Share of the peak that it falls to. */
  readonly floor: number;
}

/**
 * The learning rate of a step.
 *
 * @param done Share of the training that is over, 0 to 1.
 */
export function learningRateAt(
  { peak, warmUp, decay, floor }: LearningRate,
  step: number,
  done: number,
): number {
  const warm = Math.min(1, step / warmUp);
  const fallen = Math.max(0, done - (1 - decay)) / decay;
  const cosine = (1 + Math.cos(Math.PI * Math.min(1, fallen))) / 2;
  return peak * warm * (floor + (1 - floor) * cosine);
}
