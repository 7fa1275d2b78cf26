import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import { type GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";

/** Slots that are sorted by counting, before such tiles are merged. */
const TILE = 4096;

/**
 * Sorts each tile of slots: a slot's rank is the number of lower positions.
 * That takes `TILE` comparisons a slot, but needs no order among invocations,
 * and a budget's tokens are one tile.
 */
const tilesKernel: GpuKernel = {
  name: "orderTiles",
  tensors: { positions: read("i32"), sorted: write("u32") },
  u32: ["n"],
  words: ([n], [_, kvHeads]) => 2 * kvHeads * n,
  code: () => `
var<workgroup> others: array<i32, ${LANES}>;

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let h = group.y;
  let slot = group.x * ${LANES}u + lane;
  let own = ${entry("positions", "min(slot, params.n - 1u)")};
  let tile = group.x * ${LANES}u / ${TILE}u * ${TILE}u;
  let end = min(tile + ${TILE}u, params.n);
  var rank = 0u;
  for (var first = tile; first < end; first += ${LANES}u) {
    workgroupBarrier();
    others[lane] = ${entry("positions", "min(first + lane, end - 1u)")};
    workgroupBarrier();
    for (var i = 0u; i < min(${LANES}u, end - first); i++) {
      rank += u32(others[i] < own);
    }
  }
  if (slot < params.n) { ${entry("sorted", "tile + rank")} = slot; }
}`,
};

/** Merges sorted tiles: a slot's rank is the sum of those in all tiles. */
const mergeKernel: GpuKernel = {
  name: "orderMerge",
  tensors: { positions: read("i32"), sorted: read("u32"), order: write("u32") },
  u32: ["n"],
  words: ([n], [_, kvHeads]) => 3 * kvHeads * n,
  code: () => `
// Slots of a sorted tile with a lower position, by halving.
fn rankIn(h: u32, tile: u32, own: i32) -> u32 {
  var low = tile;
  var high = min(tile + ${TILE}u, params.n);
  while (low < high) {
    let middle = (low + high) / 2u;
    let slot = ${entry("sorted", "middle")};
    if (${entry("positions", "slot")} < own) { low = middle + 1u; }
    else { high = middle; }
  }
  return low - tile;
}

@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let h = id.y;
  if (id.x >= params.n) { return; }
  let own = ${entry("positions", "id.x")};
  var rank = 0u;
  for (var tile = 0u; tile < params.n; tile += ${TILE}u) {
    rank += rankIn(h, tile, own);
  }
  ${entry("order", "rank")} = id.x;
}`,
};

/** The kernels of {@linkcode order}. */
export const orderKernels: readonly GpuKernel[] = [tilesKernel, mergeKernel];

/** See {@linkcode Kernels.order}; two dispatches for more than one tile. */
export function order(
  queue: GpuQueue,
  { positions }: GpuCache,
  order: GpuTensor,
  n: number,
): void {
  const kvHeads = positions.shape[0];
  const groups = [Math.ceil(n / LANES), kvHeads] as const;
  if (n <= TILE) {
    queue.dispatch(tilesKernel, [positions, order], [n], [], groups);
    return;
  }
  const { memory } = queue.scratch(kvHeads * n);
  const sorted = new GpuTensor("i32", memory, [kvHeads, n], n);
  queue.dispatch(tilesKernel, [positions, sorted], [n], [], groups);
  queue.dispatch(mergeKernel, [positions, sorted, order], [n], [], groups);
}
