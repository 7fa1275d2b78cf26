// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// q8_0 weights with relaxed SIMD. Dot products of 32 inputs are exact integers
// and blocks are added in order, so a token's result does not depend on which
// kernel computed it.
import { SIGNS } from "./activations_relaxed";
import { Q8_BLOCK, Q8_SCALES } from "./packed";
import { BLOCK, SCALE, START } from "./quantise";
import { madd } from "./simd";
import { storeGroup, storeRows } from "./store_rows";

/** One token: `rows` floats to `out`. */
export function relaxedQ8(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
): void {
  const end = activations + <usize> blocks * BLOCK;
  for (; rows > 0; rows -= 16) {
    // #for $r 0 4
    let sum$r = f32x4.splat(0);
    // #end
    for (let block = activations; block < end; block += BLOCK) {
      const start = v128.load32_splat(block, START);
      // #for $r 0 4
      let dot$r = start;
      // #end
      // #for $g 0 8
      const input$g = v128.load32_splat(block, $g * 4);
      const sign$g = v128.load32_splat(block, SIGNS + $g * 4);
      // #for $r 0 4
      dot$r = i32x4.relaxed_dot_i8x16_i7x16_add_s(
        v128.xor(v128.load(weight, $g * 64 + $r * 16), sign$g),
        input$g,
        dot$r,
      );
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      // #for $r 0 4
      sum$r = madd(
        f32x4.convert_i32x4_s(dot$r),
        f32x4.mul(scale, v128.load(weight, Q8_SCALES + $r * 16)),
        sum$r,
      );
      // #end
      weight += Q8_BLOCK;
    }
    // #for $r 0 4
    storeRows(out + $r * 16, rows - $r * 4, sum$r);
    // #end
    out += 64;
  }
}

/**
 * Four tokens and 8 rows of a tile, those at `weight` of its vectors: 8 rows
 * `outStride` bytes apart of four tokens, whose blocks lie side by side.
 * `tokens` of them are wanted.
 */
export function relaxedQ8x4(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
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
    for (let i = 0; i < blocks; i++) {
      // #for $n 0 4
      const block$n = activations + $n * BLOCK;
      // #end
      // #for $n 0 4
      // #for $r 0 2
      let dot$n$r = v128.load32_splat(block$n, START);
      // #end
      // #end
      // #for $g 0 8
      // #for $r 0 2
      const tile$g$r = v128.load(tile, $g * 64 + $r * 16);
      // #end
      // #for $n 0 4
      const input$g$n = v128.load32_splat(
        block$n,
        $g * 4,
      );
      const sign$g$n = v128.load32_splat(
        block$n,
        SIGNS + $g * 4,
      );
      // #for $r 0 2
      dot$n$r = i32x4.relaxed_dot_i8x16_i7x16_add_s(
        v128.xor(tile$g$r, sign$g$n),
        input$g$n,
        dot$n$r,
      );
      // #end
      // #end
      // #end
      // #for $r 0 2
      const scale$r = v128.load(tile, Q8_SCALES + $r * 16);
      // #end
      // #for $n 0 4
      const unit$n = v128.load32_splat(block$n, SCALE);
      // #for $r 0 2
      sum$n$r = madd(
        f32x4.convert_i32x4_s(dot$n$r),
        f32x4.mul(unit$n, scale$r),
        sum$n$r,
      );
      // #end
      // #end
      tile += Q8_BLOCK;
      activations += 4 * BLOCK;
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
