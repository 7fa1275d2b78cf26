import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { CacheType } from "../tensors.ts";
import { cacheBinding, forTypes, vectorWords } from "./cache_types.ts";
import { LANES } from "./grid.ts";
import { orderedKey, TILE } from "./products.ts";
import { redundancySizes, scratchPlaces } from "./redundancy_scratch.ts";

/** Invocations that share the length of a key. */
const SHARE = LANES / TILE;

/** Lengths of keys, and the sum of unit keys over a split of the ranks. */
export const redundancyUnitsKernels: Readonly<Record<CacheType, GpuKernel>> =
  forTypes((
    type,
  ) => ({
    name: "redundancy units",
    tensors: { keys: cacheBinding(type), order: read("u32"), scratch: write() },
    u32: [...redundancySizes, "span"],
    words: ([n, quads, splits], [_, kvHeads]) =>
      kvHeads * (n * (vectorWords(type, quads) + 2) + splits * 4 * quads),
    code: () => `
${orderedKey(type)}
${scratchPlaces}

var<workgroup> squares: array<f32, ${LANES}>;
var<workgroup> inverses: array<f32, ${TILE}>;
var<workgroup> parts: array<vec4<f32>, ${LANES}>;

fn invert(h: u32, tile: u32, end: u32, lane: u32) {
  var square = 0.0;
  for (var c = lane % ${SHARE}u; c < params.quads; c += ${SHARE}u) {
    let k = orderedKey(tile + lane / ${SHARE}u, h, c);
    square += dot(k, k);
  }
  squares[lane] = square;
  workgroupBarrier();
  if (lane < ${TILE}u && tile + lane < end) {
    var sum = 0.0;
    for (var i = 0u; i < ${SHARE}u; i++) { sum += squares[lane * ${SHARE}u + i]; }
    inverses[lane] = 1.0 / (sqrt(sum) + 1e-6);
    scratch[inverseAt(h, tile + lane)] = inverses[lane];
  }
  workgroupBarrier();
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let start = group.x * params.span;
  let end = min(start + params.span, params.n);
  let quad = lane % params.quads;
  let stride = ${LANES}u / params.quads;
  var sum = vec4<f32>();
  for (var tile = start; tile < end; tile += ${TILE}u) {
    invert(h, tile, end, lane);
    let count = min(${TILE}u, end - tile);
    for (var i = lane / params.quads; i < count; i += stride) {
      sum += inverses[i] * orderedKey(tile + i, h, quad);
    }
  }
  parts[lane] = sum;
  workgroupBarrier();
  if (lane >= params.quads) { return; }
  // Invocations past a multiple of the channels repeat what others added.
  for (var i = 1u; i < stride; i++) { sum += parts[i * params.quads + lane]; }
  for (var i = 0u; i < 4u; i++) {
    scratch[totalAt(h, group.x, lane) + i] = sum[i];
  }
}`,
  }));
