import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import type { CacheType } from "../tensors.ts";
import { cacheBinding, forTypes, typeOf, vectorWords } from "./cache_types.ts";
import { entry } from "./entry.ts";
import { LANES, rowGroups } from "./grid.ts";
import { orderedKey } from "./products.ts";
import { sumUnits } from "./redundancy.ts";
import { redundancySizes, scratchPlaces, total } from "./redundancy_scratch.ts";

/** Kernels of {@linkcode keydiff} after the sum of unit keys: a key each. */
export const keydiffKernels: Readonly<Record<CacheType, GpuKernel>> = forTypes((
  type,
) => ({
  name: "keydiff",
  tensors: {
    keys: cacheBinding(type),
    order: read("u32"),
    scratch: read(),
    out: write(),
  },
  u32: redundancySizes,
  f32: ["factor"],
  words: ([n, quads, splits], [_, kvHeads]) =>
    kvHeads * (n * (vectorWords(type, quads) + 3) + splits * 4 * quads),
  code: () => `
${orderedKey(type)}
${scratchPlaces}
${total}

// One over the length of the mean, which the total is \`n\` times.
fn inverseOfMean() -> f32 {
  var square = 0.0;
  for (var quad = 0u; quad < params.quads; quad++) {
    let mean = total[quad] / f32(params.n);
    square += dot(mean, mean);
  }
  return 1.0 / (sqrt(square) + 1e-6);
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = id.y;
  let rank = id.x;
  loadTotal(h, lane);
  if (rank >= params.n) { return; }
  var product = 0.0;
  for (var quad = 0u; quad < params.quads; quad++) {
    product += dot(orderedKey(rank, h, quad), total[quad] / f32(params.n));
  }
  let cosine = product * scratch[inverseAt(h, rank)] * inverseOfMean();
  ${entry("out", "rank")} = params.factor * cosine;
}`,
}));

/** See {@linkcode Kernels.keydiff}; two dispatches. */
export function keydiff(
  queue: GpuQueue,
  cache: GpuCache,
  order: GpuTensor,
  out: GpuTensor,
  n: number,
  factor: number,
): void {
  const { tensors, sizes } = sumUnits(queue, cache, order, n);
  const groups = rowGroups(n, cache.keys.shape[0]);
  const kernel = keydiffKernels[typeOf(cache.keys)];
  queue.dispatch(kernel, [...tensors, out], sizes, [factor], groups);
}
