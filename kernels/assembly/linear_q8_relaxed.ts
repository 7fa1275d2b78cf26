// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// q8_0 weights with relaxed SIMD. Dot products of 32 inputs are exact integers,
// of which each row of a tile has a lane; only blocks are added in f32.
import { floats_1 } from "./floats.ts";
import { LOW, SIGNS } from "./activations_relaxed.ts";
import { Q8_BLOCK, Q8_SCALES } from "./packed.ts";
import { BLOCK, SCALE, START } from "./quantise.ts";
import { madd } from "./simd.ts";
import { storeRows } from "./store_rows.ts";

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
      let high$r = i32x4.splat(0), low$r = start;
      // #end
      // #for $g 0 8
      const xhigh$g = v128.load32_splat(block, $g * 4);
      const xlow$g = v128.load32_splat(block, LOW + $g * 4);
      const sign$g = v128.load32_splat(block, SIGNS + $g * 4);
      // #for $r 0 4
      const w$g$r = v128.xor(v128.load(weight, $g * 64 + $r * 16), sign$g);
      high$r = dot(w$g$r, xhigh$g, high$r);
      low$r = dot(w$g$r, xlow$g, low$r);
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      // #for $r 0 4
      sum$r = madd(
        f32x4.convert_i32x4_s(i32x4.add(i32x4.shl(high$r, 7), low$r)),
        f32x4.mul(scale, floats_1(weight + Q8_SCALES + $r * 8)),
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

/** `sum + w · a` of signed bytes with bytes of 7 bits. */
// #inline
function dot(w: v128, a: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(w, a, sum);
}
