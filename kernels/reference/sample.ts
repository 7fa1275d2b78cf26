import type { Sampling } from "../ops.ts";
import type { ArrayTensor } from "./tensor.ts";
import { drawToken, HEAVIEST } from "./truncation.ts";

/** Reference of {@linkcode Kernels.sample}. */
export function sample(
  logits: ArrayTensor,
  out: ArrayTensor,
  sampling: Sampling,
  draw: number,
): void {
  const row = logits.row(0);
  const most = row.reduce((a, b) => Math.max(a, b), -Infinity);
  const weights = Uint32Array.from(row, (x) => {
    const share = Math.exp((x - most) / sampling.temperature);
    return Math.round(HEAVIEST * share);
  });
  out.data[out.offset] = drawToken(weights, sampling, draw);
}
