// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { activationBytes, arrange, inFours } from "./activations";
import { fourTokens, oneToken } from "./linear_kernels";
import { halfBytes, tileBytes } from "./packed";

/** Tokens whose activations stay in the cache while a matrix passes by. */
const TOKENS: i32 = 64;

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
  for (; n > 0; n -= TOKENS) {
    const tokens = min(n, TOKENS);
    arrange(type, x, xStride, tokens, columns, scratch);
    multiply(type, weight, rows, columns, scratch, tokens, out, outStride);
    x += <usize> TOKENS * xStride;
    out += <usize> TOKENS * outStride;
  }
}

function multiply(
  type: i32,
  weight: usize,
  rows: i32,
  columns: i32,
  activations: usize,
  n: i32,
  out: usize,
  outStride: usize,
): void {
  const fours = inFours(n);
  if (fours > 0) {
    const tile = tileBytes(type, columns), half = halfBytes(type);
    for (let row = 0; row < rows; row += 8) {
      const at = weight + <usize> (row >> 4) * tile + (row & 8 ? half : 0);
      const to = out + (<usize> row << 2);
      fourTokens(
        type,
        at,
        rows - row,
        activations,
        columns,
        to,
        outStride,
        fours,
      );
    }
  }
  if (fours == n) return;
  activations += <usize> fours * activationBytes(type, columns);
  out += <usize> fours * outStride;
  oneToken(type, weight, rows, activations, columns, out);
}
