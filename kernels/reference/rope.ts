import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.rope}. */
export function rope(
  x: ArrayTensor,
  angles: ArrayTensor,
  n: number,
  pairing: "adjacent" | "halves",
): void {
  const [_, heads, headDim] = x.shape;
  const half = headDim / 2;
  for (let i = 0; i < n * heads * half; i++) {
    const [token, head] = [Math.floor(i / half / heads), i / half % heads | 0];
    const pair = i % half;
    const row = x.row(token).subarray(head * headDim, (head + 1) * headDim);
    const [a, b] = pairing === "adjacent"
      ? [2 * pair, 2 * pair + 1]
      : [pair, pair + half];
    const [cos, sin] = angles.row(token).subarray(2 * pair, 2 * pair + 2);
    [row[a], row[b]] = [
      row[a] * cos - row[b] * sin,
      row[a] * sin + row[b] * cos,
    ];
  }
}
