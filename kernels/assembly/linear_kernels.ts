// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { linearFloat_0, linearFloat_1, linearFloat_2 } from "./linear_float";
import {
  linearFloatx4_0,
  linearFloatx4_1,
  linearFloatx4_2,
} from "./linear_float";
import {
  plainQ4_0,
  plainQ4_1,
  plainQ4x4_0,
  plainQ4x4_1,
} from "./linear_q4_plain";
import {
  relaxedQ4_0,
  relaxedQ4_1,
  relaxedQ4x4_0,
  relaxedQ4x4_1,
} from "./linear_q4_relaxed";
import { plainQ8, plainQ8x4 } from "./linear_q8_plain";
import { relaxedQ8, relaxedQ8x4 } from "./linear_q8_relaxed";
import { StoredType } from "./packed";

/** The product of one token with all rows of a part. */
export function oneToken(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  columns: i32,
  out: usize,
): void {
  const blocks = columns >> 5;
  if (type == StoredType.F32) return linearFloat_0(w, rows, x, columns, out);
  if (type == StoredType.F16) return linearFloat_1(w, rows, x, columns, out);
  if (type == StoredType.BF16) return linearFloat_2(w, rows, x, columns, out);
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

/**
 * The product of a group of four tokens, `n` of which are wanted, with the 8
 * rows of a tile that are first in the vectors at `w`; `rows` of them exist.
 */
export function fourTokens(
  type: i32,
  w: usize,
  rows: i32,
  x: usize,
  columns: i32,
  out: usize,
  stride: usize,
  n: i32,
): void {
  const blocks = columns >> 5;
  if (type == StoredType.F32) {
    linearFloatx4_0(w, rows, x, columns, out, stride, n);
  } else if (type == StoredType.F16) {
    linearFloatx4_1(w, rows, x, columns, out, stride, n);
  } else if (type == StoredType.BF16) {
    linearFloatx4_2(w, rows, x, columns, out, stride, n);
  } else if (ASC_FEATURE_RELAXED_SIMD) {
    if (type == StoredType.Q8_0) {
      relaxedQ8x4(w, rows, x, blocks, out, stride, n);
    } else if (type == StoredType.Q4_0) {
      relaxedQ4x4_0(w, rows, x, blocks, out, stride, n);
    } else relaxedQ4x4_1(w, rows, x, blocks, out, stride, n);
  } else {
    if (type == StoredType.Q8_0) plainQ8x4(w, rows, x, blocks, out, stride, n);
    else if (type == StoredType.Q4_0) {
      plainQ4x4_0(w, rows, x, blocks, out, stride, n);
    } else plainQ4x4_1(w, rows, x, blocks, out, stride, n);
  }
}
