import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { CacheType } from "../tensors.ts";
import { cacheBinding, forTypes, vectorWords } from "./cache_types.ts";
import { LANES } from "./grid.ts";
import { orderedKey, OWN_ROWS, products, TILE } from "./products.ts";
import { redundancySizes, scratchPlaces } from "./redundancy_scratch.ts";

/**
 * The last key that is similar to each key of a tile, and how similar: rows
 * are searched from the newest until every column has one.
 */
export const redundancyLastKernels: Readonly<Record<CacheType, GpuKernel>> =
  forTypes((
    type,
  ) => ({
    name: "redundancy last",
    tensors: { keys: cacheBinding(type), order: read("u32"), scratch: write() },
    u32: redundancySizes,
    words: ([n, quads], [_, kvHeads]) =>
      kvHeads * n * (vectorWords(type, quads) + 4),
    code: () => `
${products}
${orderedKey(type)}
${scratchPlaces}

// Above it two keys count as near-duplicates (arXiv 2505.24133).
const THRESHOLD = 0.5;

// One more than the rank that was found for a column, 0 for none yet.
var<workgroup> found: array<atomic<u32>, ${TILE}>;
var<workgroup> similarities: array<f32, ${TILE}>;
var<workgroup> open: u32;

fn rowQuad(rank: u32, h: u32, quad: u32) -> vec4<f32> {
  return orderedKey(rank, h, quad);
}

fn columnQuad(rank: u32, h: u32, quad: u32) -> vec4<f32> {
  return orderedKey(rank, h, quad);
}

fn inverse(h: u32, rank: u32) -> f32 {
  return scratch[inverseAt(h, min(rank, params.n - 1u))];
}

fn search(h: u32, first: u32, start: u32, lane: u32) {
  let product = products(first, start, h, params.quads, lane);
  let column = lane % ${TILE}u;
  let scale = inverse(h, start + column);
  var own = 0u;
  var similarity = 0.0;
  for (var i = 0u; i < ${OWN_ROWS}u; i++) {
    let rank = first + lane / ${TILE}u * ${OWN_ROWS}u + i;
    let cosine = product[i] * scale * inverse(h, rank);
    if (cosine > THRESHOLD && rank < params.n && rank != start + column) {
      own = rank + 1u;
      similarity = cosine;
    }
  }
  atomicMax(&found[column], own);
  workgroupBarrier();
  if (own > 0u && own == atomicLoad(&found[column])) {
    similarities[column] = similarity;
  }
}

fn anyOpen(start: u32, lane: u32) -> bool {
  if (lane == 0u) {
    open = 0u;
    for (var i = 0u; i < min(${TILE}u, params.n - start); i++) {
      open |= u32(atomicLoad(&found[i]) == 0u);
    }
  }
  return workgroupUniformLoad(&open) == 1u;
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let start = group.x * ${TILE}u;
  for (var left = (params.n + ${TILE - 1}u) / ${TILE}u; left > 0u; left--) {
    search(h, (left - 1u) * ${TILE}u, start, lane);
    if (!anyOpen(start, lane)) { break; }
  }
  if (lane >= ${TILE}u || start + lane >= params.n) { return; }
  scratch[lastAt(h, start + lane)] = f32(atomicLoad(&found[lane])) - 1.0;
  scratch[similarityAt(h, start + lane)] = similarities[lane];
}`,
  }));
