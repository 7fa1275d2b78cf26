import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { CacheType } from "../tensors.ts";
import { cacheBinding, forTypes, vectorWords } from "./cache_types.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { orderedKey } from "./products.ts";
import { redundancySizes, scratchPlaces, total } from "./redundancy_scratch.ts";

/**
 * Mean similarity of each key: its product with the sum of all unit keys, less
 * its own, less those of the columns in which it is the last similar row.
 */
export const redundancyMeansKernels: Readonly<Record<CacheType, GpuKernel>> =
  forTypes((
    type,
  ) => ({
    name: "redundancy means",
    tensors: {
      keys: cacheBinding(type),
      order: read("u32"),
      scratch: read(),
      similarities: write(),
    },
    u32: redundancySizes,
    words: ([n, quads, splits], [_, kvHeads]) =>
      kvHeads * (n * (vectorWords(type, quads) + 5) + splits * 4 * quads),
    code: () => `
${orderedKey(type)}
${scratchPlaces}
${total}

var<workgroup> last: array<f32, ${LANES}>;
var<workgroup> similarity: array<f32, ${LANES}>;

// Sum of the similarities with all other keys.
fn others(h: u32, rank: u32) -> f32 {
  let inverse = scratch[inverseAt(h, min(rank, params.n - 1u))];
  var all = 0.0;
  var own = 0.0;
  for (var quad = 0u; quad < params.quads; quad++) {
    let k = orderedKey(rank, h, quad);
    all += dot(k, total[quad]);
    own += dot(k, k);
  }
  return inverse * (all - inverse * own);
}

// Sum of the similarities in columns that name this row their last.
fn spared(h: u32, rank: u32, lane: u32) -> f32 {
  var sum = 0.0;
  for (var first = 0u; first < params.n; first += ${LANES}u) {
    let column = min(first + lane, params.n - 1u);
    workgroupBarrier();
    last[lane] = scratch[lastAt(h, column)];
    similarity[lane] = scratch[similarityAt(h, column)];
    workgroupBarrier();
    for (var i = 0u; i < min(${LANES}u, params.n - first); i++) {
      sum += select(0.0, similarity[i], last[i] == f32(rank));
    }
  }
  return sum;
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = id.y;
  let rank = id.x;
  loadTotal(h, lane);
  let sum = others(h, rank) - spared(h, rank, lane);
  if (rank < params.n) { ${
      entry("similarities", "rank")
    } = sum / f32(params.n); }
}`,
  }));
