import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import type { CacheType } from "../tensors.ts";
import {
  cacheBinding,
  cachePlaces,
  forTypes,
  typeOf,
  vectorWords,
} from "./cache_types.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { scan } from "./scan.ts";

/** WGSL that moves the scales of move `i`. */
const moveScales = (type: CacheType) =>
  type !== "int8" ? "" : `
    keys[keysScaleAt(to, h)] = keys[keysScaleAt(source, h)];
    values[valuesScaleAt(to, h)] = values[valuesScaleAt(source, h)];`;

/**
 * Kernels of {@linkcode compact}, a workgroup a head: tokens in the slots to
 * come fill the holes in the first `size`, so that few tokens move. Scratch
 * holds for each head which slots' tokens stay, the holes, and the slots of
 * the tokens that move into them.
 */
export const compactKernels: Readonly<Record<CacheType, GpuKernel>> = forTypes((
  type,
) => ({
  name: "compact",
  tensors: {
    keys: cacheBinding(type, "read_write"),
    values: cacheBinding(type, "read_write"),
    positions: write("u32"),
    sums: write(),
    order: read("u32"),
    kept: read("u32"),
    scratch: write("u32"),
  },
  u32: ["n", "k", "size", "quads", "summed"],
  words: ([n, k, size, quads, summed], [kvHeads]) => {
    // At most: how many do move only the device knows.
    const moves = Math.min(n - size, size);
    const token = 2 * (2 * vectorWords(type, quads) + 1 + summed);
    return kvHeads * (k + size + 2 * n + moves * (4 + token));
  },
  code: () => `
${scan}
${cachePlaces("keys", type)}
${cachePlaces("values", type)}

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
  for (var i = lane; i < moves * params.quads; i += ${LANES}u) {
    let to = scratch[hole(h, i / params.quads)];
    let source = scratch[mover(h, i / params.quads)];
    let quad = i % params.quads;
    keys[keysAt(to, h, quad)] = keys[keysAt(source, h, quad)];
    values[valuesAt(to, h, quad)] = values[valuesAt(source, h, quad)];
  }
  for (var i = lane; i < moves; i += ${LANES}u) {
    let to = scratch[hole(h, i)];
    let source = scratch[mover(h, i)];
    ${entry("positions", "to")} = ${entry("positions", "source")};${
    moveScales(type)
  }
    if (params.summed == 1u) {
      ${entry("sums", "to")} = ${entry("sums", "source")};
    }
  }
}`,
}));

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
  const { keys, values, positions, sums } = cache;
  const [kvHeads, _, headDim] = keys.shape;
  const scratch = queue.scratch(3 * kvHeads * n);
  queue.dispatch(
    compactKernels[typeOf(keys)],
    [keys, values, positions, sums ?? queue.unused, order, kept, scratch],
    [n, k, k + window, headDim / 4, sums ? 1 : 0],
    [],
    [kvHeads],
  );
}
