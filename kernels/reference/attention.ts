import { refuseNonFinite } from "./finite.ts";
import { type ArrayCache, type ArrayTensor, dot, vectorAt } from "./tensor.ts";
import { softmaxRow } from "./softmax.ts";

/** Reference of {@linkcode Kernels.attention}. */
export function attention(
  q: ArrayTensor,
  cache: ArrayCache,
  out: ArrayTensor,
  n: number,
  cached: number,
  name: string,
): void {
  refuseNonFinite(q, n, name);
  const [queryHeads, headDim] = q.shape.slice(1);
  const group = queryHeads / cache.keys.shape[0];
  for (let i = 0; i < n; i++) {
    for (let head = 0; head < queryHeads; head++) {
      const [from, to] = [head * headDim, (head + 1) * headDim];
      attendHead(
        q.row(i).subarray(from, to),
        cache,
        Math.floor(head / group),
        cached - n + i + 1,
        out.row(i).subarray(from, to),
      );
    }
  }
}

function attendHead(
  q: Float64Array,
  { keys, values }: ArrayCache,
  kvHead: number,
  visible: number,
  out: Float64Array,
): void {
  const p = new Float64Array(visible);
  for (let s = 0; s < visible; s++) p[s] = dot(q, vectorAt(keys, kvHead, s));
  softmaxRow(p, Math.sqrt(q.length));
  out.fill(0);
  for (let s = 0; s < visible; s++) {
    vectorAt(values, kvHead, s).forEach((value, c) => out[c] += p[s] * value);
  }
}
