import type { KVCache } from "../../cache/cache.ts";
import type { Boundary, Phase } from "../../cache/options.ts";
import type { Backend } from "../../kernels/backend.ts";
import { filled, normal } from "../kernels/numbers.ts";

/**
 * Puts `n` tokens of normal noise through all layers of a cache, as one call.
 *
 * @returns What the last layer attended to.
 */
export async function feed(
  backend: Backend,
  cache: KVCache,
  n = 1,
  phase: Phase = n === 1 ? "decode" : "promptEnd",
): Promise<Float32Array> {
  const { layers, queryHeads, kvHeads, headDim } = cache.shape;
  const seed = cache.seen;
  const [q, k, v] = [queryHeads, kvHeads, kvHeads].map((heads, i) =>
    filled(
      backend,
      [n, heads, headDim],
      Array.from(
        { length: n * heads * headDim },
        (_, at) => normal(3 * seed + i, at),
      ),
    )
  );
  const out = backend.tensor([n, queryHeads, headDim]);
  for (let layer = 0; layer < layers; layer++) {
    cache.append(layer, k, v);
    cache.attend(layer, q, out, n, phase);
  }
  const result = await backend.read(out) as Float32Array;
  for (const tensor of [q, k, v, out]) backend.free(tensor);
  return result;
}

/** What a text has where: every 11th token ends a line, every 4th a part. */
export function boundaryAt(position: number): Boundary | undefined {
  if (position % 11 === 10) return "newline";
  return position % 4 === 3 ? "separator" : undefined;
}
