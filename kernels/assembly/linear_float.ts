// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// f32, f16 and bf16 weights, whose kernels end in 0, 1 and 2. Even and odd
// inputs have sums of their own, so that one addition need not wait for the
// last.
import {
  floats_0,
  floats_1,
  floats_2,
  STEP_0,
  STEP_1,
  STEP_2,
} from "./floats.ts";
import { madd } from "./simd.ts";
import { storeRows } from "./store_rows.ts";

// #for $t 0 3
/** One token of `columns` floats at `x`: `rows` floats to `out`. */
export function linearFloat_$t(
  weight: usize,
  rows: i32,
  x: usize,
  columns: i32,
  out: usize,
): void {
  const end = x + (<usize> columns << 2);
  for (; rows > 0; rows -= 16) {
    // #for $r 0 4
    let even$r = f32x4.splat(0), odd$r = f32x4.splat(0);
    // #end
    let at = x;
    for (; at + 8 <= end; at += 8) {
      const input0 = v128.load32_splat(at), input1 = v128.load32_splat(at, 4);
      // #for $r 0 4
      even$r = madd(floats_$t(weight + $r * (STEP_$t / 4)), input0, even$r);
      odd$r = madd(
        floats_$t(weight + STEP_$t + $r * (STEP_$t / 4)),
        input1,
        odd$r,
      );
      // #end
      weight += 2 * STEP_$t;
    }
    if (at < end) {
      const input = v128.load32_splat(at);
      // #for $r 0 4
      even$r = madd(floats_$t(weight + $r * (STEP_$t / 4)), input, even$r);
      // #end
      weight += STEP_$t;
    }
    // #for $r 0 4
    storeRows(out + $r * 16, rows - $r * 4, f32x4.add(even$r, odd$r));
    // #end
    out += 64;
  }
}

/**
 * Four tokens, `stride` bytes apart, and `rows` rows of one tile: floats from
 * `out` on, `outStride` bytes apart. Weights are widened once for all four.
 */
export function linearFloat_$t_tokens(
  weight: usize,
  rows: i32,
  x: usize,
  stride: usize,
  columns: i32,
  out: usize,
  outStride: usize,
): void {
  const end = x + (<usize> columns << 2);
  // 4 rows at a time: 8 sums are as many as stay in registers.
  for (let r: usize = 0; r < 4; r++) {
    let w = weight + r * (STEP_$t / 4);
    // #for $i 0 4
    let even$i = f32x4.splat(0), odd$i = f32x4.splat(0);
    // #end
    let at = x;
    for (; at + 8 <= end; at += 8) {
      const w0 = floats_$t(w), w1 = floats_$t(w + STEP_$t);
      // #for $i 0 4
      const at$i = at + $i * stride;
      even$i = madd(w0, v128.load32_splat(at$i), even$i);
      odd$i = madd(w1, v128.load32_splat(at$i, 4), odd$i);
      // #end
      w += 2 * STEP_$t;
    }
    if (at < end) {
      const w0 = floats_$t(w);
      // #for $i 0 4
      even$i = madd(w0, v128.load32_splat(at + $i * stride), even$i);
      // #end
    }
    // #for $i 0 4
    storeRows(out + $i * outStride, rows, f32x4.add(even$i, odd$i));
    // #end
    rows -= 4;
    out += 16;
  }
}
// #end
