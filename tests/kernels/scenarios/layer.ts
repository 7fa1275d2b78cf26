import type { Backend, LayerCache, Tensor } from "../../../kernels/ops.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { noise } from "../numbers.ts";

/** Rounding of float32 through an exponential of scores up to some tens. */
export const softened = 2e-5;

interface Scene {
  kvHeads?: number;
  headDim?: number;
  slots?: number;
}

/** A layer whose slots hold tokens in no order, as after evictions. */
export function shuffled(
  backend: Backend,
  n: number,
  { kvHeads = 2, headDim = 32, slots = n + 5 }: Scene = {},
): LayerCache {
  const positions = backend.tensor([kvHeads, slots], "i32");
  backend.write(
    positions,
    Array.from({ length: kvHeads }, (_, h) => permutation(slots, h)).flat()
      .map((position) => position * 3),
  );
  return {
    keys: noise(backend, [kvHeads, slots, headDim], n + 1),
    values: noise(backend, [kvHeads, slots, headDim], n + 2),
    positions,
  };
}

function permutation(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => i)
    .sort((a, b) => uniform(seed, a) - uniform(seed, b));
}

/** Its slots by position. */
export function ordered(
  backend: Backend,
  cache: LayerCache,
  n: number,
): Tensor {
  const order = backend.tensor(cache.positions.shape, "i32");
  backend.order(cache, order, n);
  return order;
}
