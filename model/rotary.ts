import type { RotaryConfig } from "./checkpoint/checkpoint.ts";

/**
 * Cosines and sines of rotary embedding (arXiv 2104.09864), counted in
 * float64: `position · frequency` in float32 is off by whole degrees after
 * some ten thousand tokens.
 */
export class RotaryAngles {
  /** Radians per position of each channel pair, `headDim / 2`. */
  readonly frequencies: Float64Array;

  /** @param headDim Channels of a head; half as many pairs turn. */
  constructor({ base, divisors }: RotaryConfig, headDim: number) {
    this.frequencies = Float64Array.from(
      { length: headDim / 2 },
      (_, pair) => base ** (-2 * pair / headDim) / (divisors?.[pair] ?? 1),
    );
  }

  /** Writes `[n, headDim / 2, 2]` for positions from `position` on. */
  fill(out: Float32Array, position: number, n: number): void {
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (const frequency of this.frequencies) {
        const angle = (position + i) * frequency;
        out[at++] = Math.cos(angle);
        out[at++] = Math.sin(angle);
      }
    }
  }
}
