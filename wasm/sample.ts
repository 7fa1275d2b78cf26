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
  let most = 0;
  for (let id = 0; id < shares.length; id++) most = Math.max(most, shares[id]);
  const weights = new Uint32Array(shares.length);
  for (let id = 0; id < weights.length; id++) {
    weights[id] = Math.round(shares[id] / most * HEAVIEST);
  }
  return drawToken(weights, sampling, draw);
}
