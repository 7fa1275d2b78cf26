// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// f32, f16 and bf16 weights, whose kernels end in 0, 1 and 2. Every sum adds
// its inputs in order, so a token's result does not depend on which kernel
// computed it.
import { floats_0, floats_1, floats_2, STEP_0, STEP_1, STEP_2 } from "./floats";
import { madd } from "./simd";
import { storeGroup, storeRows } from "./store_rows";

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
    let sum$r = f32x4.splat(0);
    // #end
    for (let at = x; at < end; at += 4) {
      const input = v128.load32_splat(at);
      // #for $r 0 4
      sum$r = madd(floats_$t(weight + $r * (STEP_$t / 4)), input, sum$r);
      // #end
      weight += STEP_$t;
    }
    // #for $r 0 4
    storeRows(out + $r * 16, rows - $r * 4, sum$r);
    // #end
    out += 64;
  }
}

/** Four tokens and 8 rows of a tile: see `relaxedQ8x4`. */
export function linearFloatx4_$t(
  weight: usize,
  rows: i32,
  x: usize,
  columns: i32,
  out: usize,
  outStride: usize,
  tokens: i32,
): void {
  for (; tokens > 0; tokens -= 4) {
    let tile = weight;
    // #for $n 0 4
    // #for $r 0 2
    let sum$n$r = f32x4.splat(0);
    // #end
    // #end
    for (let i = 0; i < columns; i++) {
      // #for $r 0 2
      const w$r = floats_$t(tile + $r * (STEP_$t / 4));
      // #end
      // #for $n 0 4
      const input$n = v128.load32_splat(x, $n * 4);
      // #for $r 0 2
      sum$n$r = madd(w$r, input$n, sum$n$r);
      // #end
      // #end
      tile += STEP_$t;
      x += 16;
    }
    storeGroup(
      out,
      outStride,
      rows,
      tokens,
      sum00,
      sum01,
      sum10,
      sum11,
      sum20,
      sum21,
      sum30,
      sum31,
    );
    out += outStride * 4;
  }
}
// #end
