import type { ArrayTensor } from "./tensor.ts";

/**
 * Raises the `perBlock` best of each block of `blockSize` positions above all
 * others, of the `n` oldest tokens but the first `protect`.
 */
export function quota(
  scores: ArrayTensor,
  positions: ArrayTensor,
  order: ArrayTensor,
  n: number,
  protect: number,
  blockSize: number,
  perBlock: number,
): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const own = scores.row(h).slice(0, n);
    const slots = order.row<Int32Array>(h);
    const block = Array.from(own, (_, r) => {
      const position = positions.row<Int32Array>(h)[slots[r]];
      return Math.floor(position / blockSize);
    });
    for (let r = protect; r < n; r++) {
      const better = own.filter((score, other) =>
        other >= protect && block[other] === block[r] &&
        (score > own[r] || score === own[r] && other < r)
      );
      if (better.length < perBlock) scores.row(h)[r] = Infinity;
    }
  }
}
