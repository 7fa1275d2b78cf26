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
// #end
