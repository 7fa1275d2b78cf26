import type { Sampling } from "../kernels/ops.ts";
import { drawToken, HEAVIEST } from "../kernels/reference/truncation.ts";

/**
 * The token that {@linkcode Kernels.sample} draws: the weights are made here
 * of shares that a kernel made, as exponentials are what takes time.
 *
 * @param shares Softmax of all logits.
 */
export function sample(
  shares: Float32Array,
  sampling: Sampling,
  draw: number,
): number {
  const scale = HEAVIEST / shares.reduce((a, b) => Math.max(a, b), 0);
  const weights = new Uint32Array(shares.length);
  for (let id = 0; id < weights.length; id++) {
    weights[id] = Math.round(shares[id] * scale);
  }
  return drawToken(weights, sampling, draw);
}
