// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Which kernel a type of weights has in this build.
import { plainForQ4, plainForQ8 } from "./activations_plain.ts";
import { relaxedForQ4, relaxedForQ8 } from "./activations_relaxed.ts";
import { linearFloat_0, linearFloat_1, linearFloat_2 } from "./linear_float.ts";
import { plainQ4_0, plainQ4_1 } from "./linear_q4_plain.ts";
import { relaxedQ4_0, relaxedQ4_1 } from "./linear_q4_relaxed.ts";
import { plainQ8 } from "./linear_q8_plain.ts";
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
