import type { CacheType } from "../tensors.ts";
import { readCache } from "./cache_types.ts";
import { LANES } from "./grid.ts";

/** Rows and columns of a tile of products. */
export const TILE = 32;
/** Rows of an invocation: `4 * (lane / TILE)` and the next three. */
export const OWN_ROWS: number = TILE * TILE / LANES;
/** Vectors of four channels that are in workgroup memory at once. */
const DEPTH = LANES / TILE;

/**
 * WGSL of `products(first, start, h, quads, lane) -> vec4<f32>`: dot products
 * of rows `first + 4 * (lane / TILE)` and the next three with column
 * `start + lane % TILE`, of vectors of `quads` times four channels. The kernel
 * defines `rowQuad(row, h, quad)` and `columnQuad(column, h, quad)`, also for
 * rows and columns past the last. All `LANES` invocations must call it.
 */
export const products: string = `
var<workgroup> rowTile: array<vec4<f32>, ${LANES}>;
// A column is one vector longer, so that columns are in different banks.
var<workgroup> columnTile: array<vec4<f32>, ${TILE * (DEPTH + 1)}>;

fn load(first: u32, start: u32, h: u32, quad: u32, quads: u32, lane: u32) {
  let i = lane / ${DEPTH}u;
  let c = lane % ${DEPTH}u;
  var a = vec4<f32>();
  var b = vec4<f32>();
  if (quad + c < quads) {
    a = rowQuad(first + i, h, quad + c);
    b = columnQuad(start + i, h, quad + c);
  }
  rowTile[lane] = a;
  columnTile[i * ${DEPTH + 1}u + c] = b;
}

fn products(first: u32, start: u32, h: u32, quads: u32, lane: u32) -> vec4<f32> {
  let row = lane / ${TILE}u * ${OWN_ROWS * DEPTH}u;
  let column = lane % ${TILE}u * ${DEPTH + 1}u;
  var sum = vec4<f32>();
  for (var quad = 0u; quad < quads; quad += ${DEPTH}u) {
    workgroupBarrier();
    load(first, start, h, quad, quads, lane);
    workgroupBarrier();
    for (var c = 0u; c < ${DEPTH}u; c++) {
      let b = columnTile[column + c];
      sum += vec4<f32>(
        dot(rowTile[row + c], b),
        dot(rowTile[row + ${DEPTH}u + c], b),
        dot(rowTile[row + ${2 * DEPTH}u + c], b),
        dot(rowTile[row + ${3 * DEPTH}u + c], b),
      );
    }
  }
  return sum;
}`;

/**
 * WGSL of `orderedKey(rank, h, quad) -> vec4<f32>`, from tensors `keys` of a
 * type and `order`, of which the first `n` ranks are in use.
 */
export function orderedKey(type: CacheType): string {
  return `
${readCache(type, "keys")}

fn orderedKey(rank: u32, h: u32, quad: u32) -> vec4<f32> {
  let r = min(rank, params.n - 1u);
  let slot = order[params.order_offset + h * params.order_stride + r];
  return keysQuad(slot, h, quad);
}`;
}
