// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import {
  multiply,
  multiplyTokens,
  quantise,
  TOKENS,
} from "./linear_kernels.ts";
import { isQuantised, tileBytes } from "./packed.ts";
import { BLOCK } from "./quantise.ts";

/** Tokens that are quantised at a time: their activations stay in the cache. */
const MOST: i32 = 64;

/**
 * `out = x · weightᵀ` for `n` tokens, `weight` being one part of a matrix:
 * `rows` floats per token. A token's result does not depend on the others.
 *
 * @param scratch `linearScratch(n, columns)` bytes.
 */
export function linear(
  type: i32,
  weight: usize,
  rows: i32,
  columns: i32,
  x: usize,
  xStride: usize,
  n: i32,
  out: usize,
  outStride: usize,
  scratch: usize,
): void {
  if (!isQuantised(type)) {
    product(type, weight, rows, columns, x, xStride, n, out, outStride);
    return;
  }
  const bytes = <usize> (columns >> 5) * BLOCK;
  for (; n > 0; n -= MOST) {
    const tokens = min(n, MOST);
    for (let i = 0; i < tokens; i++) {
      quantise(type, x, columns, scratch + <usize> i * bytes);
      x += xStride;
    }
    product(
      type,
      weight,
      rows,
      columns,
      scratch,
      bytes,
      tokens,
      out,
      outStride,
    );
    out += <usize> MOST * outStride;
  }
}

/** Several tokens pass a tile, a few at a time, while it is in the first-level cache. */
function product(
  type: i32,
  weight: usize,
  rows: i32,
  columns: i32,
  x: usize,
  xStride: usize,
  n: i32,
  out: usize,
  outStride: usize,
): void {
  if (n == 1) return multiply(type, weight, rows, x, columns, out);
  const tile = tileBytes(type, columns);
  for (; rows > 0; rows -= 16) {
    const tileRows = min(rows, 16);
    let i = 0;
    for (; i + TOKENS <= n; i += TOKENS) {
      const from = x + <usize> i * xStride, to = out + <usize> i * outStride;
      multiplyTokens(
        type,
        weight,
        tileRows,
        from,
        xStride,
        columns,
        to,
        outStride,
      );
    }
    for (; i < n; i++) {
      const to = out + <usize> i * outStride;
      multiply(type, weight, tileRows, x + <usize> i * xStride, columns, to);
    }
    weight += tile;
    out += 64;
  }
}
