import type { Backend } from "../../../kernels/backend.ts";
import type { LayerCache } from "../../../kernels/layer_cache.ts";
import type { CacheType, Tensor } from "../../../kernels/tensors.ts";
import { ReferenceBackend } from "../../../kernels/reference/backend.ts";
import type { ArrayCache } from "../../../kernels/reference/tensor.ts";
import { save } from "../../../kernels/reference/snapshot.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { filled, noise, outliers } from "../numbers.ts";

/** Rounding of float32 through an exponential of scores up to some tens. */
export const softened = 2e-5;

/** Types that a cache can have. */
export const types: readonly CacheType[] = ["f32", "f16", "int8"];

interface Scene {
  kvHeads?: number;
  headDim?: number;
  slots?: number;
  type?: CacheType;
  /** Keys by slot, `[slots, kvHeads, headDim]`. */
  keys?: Float32Array;
}

/** Slots of an arena before and after a layer's own. */
const margin = 4;

/**
 * A layer whose slots hold tokens in no order, as after evictions, in the
 * middle of larger tensors. The stored numbers are the same on all backends.
 */
export function shuffled(
  backend: Backend,
  n: number,
  { kvHeads = 2, headDim = 32, slots = n + 5, type = "f32", keys }: Scene = {},
): LayerCache {
  const shape = [kvHeads, slots, headDim];
  const cache = emptyLayer(backend, shape, type);
  const data = [keys ?? tokens(shape, n + 1), tokens(shape, n + 2)];
  if (type === "f32") appendTo(backend, cache, data);
  else {
    const reference = new ReferenceBackend();
    const rounded = emptyLayer(reference, shape, type) as ArrayCache;
    appendTo(reference, rounded, data);
    backend.restore(cache.keys, slots, save(rounded.keys, slots));
    backend.restore(cache.values, slots, save(rounded.values, slots));
  }
  return { ...cache, positions: shuffledPositions(backend, kvHeads, slots) };
}

/** Numbers of the first `n` slots of each head, of a tensor of any type. */
export async function numbersIn(
  backend: Backend,
  tensor: Tensor,
  n: number,
): Promise<Float32Array> {
  const [heads, _, ...inner] = tensor.shape;
  const reference = new ReferenceBackend();
  const numbers = reference.tensor([heads, n, ...inner], tensor.dtype);
  reference.restore(numbers, n, await backend.save(tensor, n));
  return Float32Array.from(reference.peek(numbers));
}

function emptyLayer(
  backend: Backend,
  [kvHeads, slots, headDim]: number[],
  type: CacheType,
): LayerCache {
  const outer = [kvHeads, slots + 2 * margin];
  const inside = (tensor: Tensor) =>
    backend.slice(tensor, margin, margin + slots);
  return {
    keys: inside(backend.tensor([...outer, headDim], type)),
    values: inside(backend.tensor([...outer, headDim], type)),
    positions: inside(backend.tensor(outer, "i32")),
    sums: inside(noise(backend, outer, slots)),
  };
}

function tokens([kvHeads, slots, headDim]: number[], seed: number) {
  return outliers(slots * kvHeads * headDim, seed);
}

function appendTo(
  backend: Backend,
  cache: LayerCache,
  data: Float32Array[],
): void {
  const [kvHeads, slots, headDim] = cache.keys.shape;
  const shape = [slots, kvHeads, headDim];
  const [k, v] = data.map((numbers) => filled(backend, shape, numbers));
  backend.append(cache, k, v, slots, 0, 0, ["k", "v"]);
}

function shuffledPositions(
  backend: Backend,
  kvHeads: number,
  slots: number,
): Tensor {
  const arena = backend.tensor([kvHeads, slots + 2 * margin], "i32");
  const around = new Array(margin).fill(0);
  const rows = Array.from({ length: kvHeads }, (_, h) => {
    const positions = permutation(slots, h).map((position) => position * 3);
    return [...around, ...positions, ...around];
  });
  backend.write(arena, rows.flat());
  return backend.slice(arena, margin, margin + slots);
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
