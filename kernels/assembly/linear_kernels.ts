// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Which kernel a type of weights has in this build.
import { plainForQ4, plainForQ8 } from "./activations_plain.ts";
import { relaxedForQ4, relaxedForQ8 } from "./activations_relaxed.ts";
import {
  linearFloat_0,
  linearFloat_0_tokens,
  linearFloat_1,
  linearFloat_1_tokens,
  linearFloat_2,
  linearFloat_2_tokens,
} from "./linear_float.ts";
import {
  plainQ4_0,
  plainQ4_0_tokens,
  plainQ4_1,
  plainQ4_1_tokens,
} from "./linear_q4_plain.ts";
import {
  relaxedQ4_0,
  relaxedQ4_0_tokens,
  relaxedQ4_1,
  relaxedQ4_1_tokens,
} from "./linear_q4_relaxed.ts";
import { plainQ8, plainQ8_tokens } from "./linear_q8_plain.ts";
import { relaxedQ8 } from "./linear_q8_relaxed.ts";
import { StoredType } from "./packed.ts";

/** Quantises `columns` floats, for weights of a quantised type. */
export function quantise(type: i32, x: usize, columns: i32, to: usize): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (type == StoredType.Q8_0) relaxedForQ8(x, columns, to);
    else relaxedForQ4(x, columns, to);
  } else {
    if (type == StoredType.Q8_0) plainForQ8(x, columns, to);
    else plainForQ4(x, columns, to);
  }
}

/**
 * Product of one token and `rows` rows from a tile at `w` on; `x` is what
 * `quantise` made, or the floats themselves when the weights are floats.
 */
export function multiply(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  columns: i32,
  out: usize,
): void {
  if (type == StoredType.F32) linearFloat_0(w, rows, x, columns, out);
  else if (type == StoredType.F16) linearFloat_1(w, rows, x, columns, out);
  else if (type == StoredType.BF16) linearFloat_2(w, rows, x, columns, out);
  else multiplyQuantised(type, w, rows, x, columns >> 5, out);
}

function multiplyQuantised(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  blocks: i32,
  out: usize,
): void {
  if (ASC_FEATURE_RELAXED_SIMD) {
    if (type == StoredType.Q8_0) relaxedQ8(w, rows, x, blocks, out);
    else if (type == StoredType.Q4_0) relaxedQ4_0(w, rows, x, blocks, out);
    else relaxedQ4_1(w, rows, x, blocks, out);
  } else {
    if (type == StoredType.Q8_0) plainQ8(w, rows, x, blocks, out);
    else if (type == StoredType.Q4_0) plainQ4_0(w, rows, x, blocks, out);
    else plainQ4_1(w, rows, x, blocks, out);
  }
}

/** Tokens that {@linkcode multiplyTokens} takes. */
export const TOKENS: i32 = 4;

/**
 * The same of four tokens, `stride` bytes apart, and one tile: what is made of
 * a weight before it is multiplied is made once. Each token's sums are those of
 * {@linkcode multiply}, in the same order.
 */
export function multiplyTokens(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  stride: usize,
  columns: i32,
  out: usize,
  outStride: usize,
): void {
  if (type == StoredType.F32) {
    linearFloat_0_tokens(w, rows, x, stride, columns, out, outStride);
  } else if (type == StoredType.F16) {
    linearFloat_1_tokens(w, rows, x, stride, columns, out, outStride);
  } else if (type == StoredType.BF16) {
    linearFloat_2_tokens(w, rows, x, stride, columns, out, outStride);
  } else {quantisedTokens(
      type,
      w,
      rows,
      x,
      stride,
      columns >> 5,
      out,
      outStride,
    );}
}

function quantisedTokens(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  stride: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
): void {
  if (type == StoredType.Q4_0) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      relaxedQ4_0_tokens(w, rows, x, stride, blocks, out, outStride);
    } else plainQ4_0_tokens(w, rows, x, stride, blocks, out, outStride);
  } else if (type == StoredType.Q4_1) {
    if (ASC_FEATURE_RELAXED_SIMD) {
      relaxedQ4_1_tokens(w, rows, x, stride, blocks, out, outStride);
    } else plainQ4_1_tokens(w, rows, x, stride, blocks, out, outStride);
  } else q8Tokens(w, rows, x, stride, blocks, out, outStride);
}

function q8Tokens(
  w: usize,
  rows: i32,
  x: usize,
  stride: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
): void {
  if (!ASC_FEATURE_RELAXED_SIMD) {
    return plainQ8_tokens(w, rows, x, stride, blocks, out, outStride);
  }
  // Weights get a token's signs: there is nothing that could be made once.
  for (let i = 0; i < TOKENS; i++) {
    relaxedQ8(
      w,
      rows,
      x + <usize> i * stride,
      blocks,
      out + <usize> i * outStride,
    );
  }
}
