import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { orderedKey } from "./products.ts";
import { redundancySizes, scratchPlaces } from "./redundancy_scratch.ts";

/**
 * Mean similarity of each key: its product with the sum of all unit keys, less
 * its own, less those of the columns in which it is the last similar row.
 */
export const redundancyMeansKernel: GpuKernel = {
  name: "redundancy means",
  tensors: {
    keys: read("vec4<f32>"),
    order: read("u32"),
    scratch: read(),
    similarities: write(),
  },
  u32: redundancySizes,
  words: ([n, quads, splits], [_, kvHeads]) =>
    kvHeads * (n * (4 * quads + 5) + splits * 4 * quads),
  code: () => `
${orderedKey}
${scratchPlaces}

// Of a head: the most quads that it has.
var<workgroup> total: array<vec4<f32>, 64>;
var<workgroup> last: array<f32, ${LANES}>;
var<workgroup> similarity: array<f32, ${LANES}>;

fn loadTotal(h: u32, lane: u32) {
  if (lane < params.quads) {
    var sum = vec4<f32>();
    for (var split = 0u; split < params.splits; split++) {
      let at = totalAt(h, split, lane);
      sum += vec4<f32>(
        scratch[at], scratch[at + 1u], scratch[at + 2u], scratch[at + 3u],
      );
    }
    total[lane] = sum;
  }
  workgroupBarrier();
}

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
};
