import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { scan } from "./scan.ts";

/**
 * Kernel of {@linkcode compact}, a workgroup a head: tokens in the slots to
 * come fill the holes in the first `size`, so that few tokens move. Scratch
 * holds for each head which slots' tokens stay, the holes, and the slots of
 * the tokens that move into them.
 */
export const compactKernel: GpuKernel = {
  name: "compact",
  tensors: {
    keys: write("vec4<f32>"),
    values: write("vec4<f32>"),
    positions: write("u32"),
    order: read("u32"),
    kept: read("u32"),
    scratch: write("u32"),
  },
  u32: ["n", "k", "size", "quads"],
  words: ([n, k, size, quads], [kvHeads]) => {
    // At most: how many do move only the device knows.
    const moves = Math.min(n - size, size);
    return kvHeads * (k + size + 2 * n + moves * (4 + 4 * 4 * quads + 2));
  },
  code: () => `
${scan}

var<workgroup> moves: u32;

fn stays(h: u32, slot: u32) -> u32 { return h * 3u * params.n + slot; }
fn hole(h: u32, i: u32) -> u32 { return stays(h, params.n + i); }
fn mover(h: u32, i: u32) -> u32 { return hole(h, params.n + i); }

fn markStaying(h: u32, lane: u32) {
  for (var slot = lane; slot < params.n; slot += ${LANES}u) {
    scratch[stays(h, slot)] = 0u;
  }
  storageBarrier();
  for (var i = lane; i < params.size; i += ${LANES}u) {
    var rank = params.n - params.size + i;
    if (i < params.k) { rank = ${entry("kept", "i")}; }
    scratch[stays(h, ${entry("order", "rank")})] = 1u;
  }
  storageBarrier();
}

// Whether a slot is a hole, and whether its token must move.
fn kindOf(h: u32, slot: u32) -> vec2<u32> {
  let staying = scratch[stays(h, slot)] == 1u;
  let low = slot < params.size;
  return vec2<u32>(u32(low && !staying), u32(!low && staying));
}

// Lists holes and tokens that move: each invocation those of a run of slots.
fn listMoves(h: u32, lane: u32) {
  let run = (params.n + ${LANES - 1}u) / ${LANES}u;
  let first = min(lane * run, params.n);
  let end = min(first + run, params.n);
  var own = vec2<u32>();
  for (var slot = first; slot < end; slot++) { own += kindOf(h, slot); }
  let through = scan(own, lane);
  var before = through - own;
  for (var slot = first; slot < end; slot++) {
    let kind = kindOf(h, slot);
    if (kind.x == 1u) { scratch[hole(h, before.x)] = slot; }
    if (kind.y == 1u) { scratch[mover(h, before.y)] = slot; }
    before += kind;
  }
  if (lane == ${LANES - 1}u) { moves = through.x; }
  workgroupBarrier();
  storageBarrier();
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.x;
  markStaying(h, lane);
  listMoves(h, lane);
  let key = params.keys_offset / 4u + h * (params.keys_stride / 4u);
  let value = params.values_offset / 4u + h * (params.values_stride / 4u);
  for (var i = lane; i < moves * params.quads; i += ${LANES}u) {
    let to = scratch[hole(h, i / params.quads)] * params.quads;
    let source = scratch[mover(h, i / params.quads)] * params.quads;
    let quad = i % params.quads;
    keys[key + to + quad] = keys[key + source + quad];
    values[value + to + quad] = values[value + source + quad];
  }
  for (var i = lane; i < moves; i += ${LANES}u) {
    let to = scratch[hole(h, i)];
    let source = scratch[mover(h, i)];
    ${entry("positions", "to")} = ${entry("positions", "source")};
  }
}`,
};

/** See {@linkcode Kernels.compact}. */
export function compact(
  queue: GpuQueue,
  cache: GpuCache,
  order: GpuTensor,
  kept: GpuTensor,
  n: number,
  k: number,
  window: number,
): void {
  const [kvHeads, _, headDim] = cache.keys.shape;
  const scratch = queue.scratch(3 * kvHeads * n);
  queue.dispatch(
    compactKernel,
    [cache.keys, cache.values, cache.positions, order, kept, scratch],
    [n, k, k + window, headDim / 4],
    [],
    [kvHeads],
  );
}
