// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// The inputs of a linear layer as integers, without relaxed SIMD: 16 bits each
// for `dot_i16x8`, which adds the products of neighbours. For q8 weights they
// are in order. For q4 weights a 16-bit word holds nibbles of inputs 0 and 4 of
// 8 in its low byte, 1 and 5 in its high byte (then 2, 6 and 3, 7), so that
// neighbours are inputs (0, 2), (4, 6), (1, 3) and (5, 7), in this order.
import {
  BLOCK,
  integers4,
  inverseScale,
  LARGEST,
  largest32,
  SCALE,
  START,
  SUM,
  words8,
} from "./quantise.ts";

/** Quantises a row of `columns` for q8 weights. */
export function plainForQ8(x: usize, columns: i32, to: usize): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(inverseScale(largest));
    // #for $i 0 4
    v128.store(to, words8(x + $i * 32, inverse), $i * 16);
    // #end
    store<f32>(to, largest / LARGEST, SCALE);
    to += BLOCK;
  }
}

/** The same for q4 weights; the sum starts as in `relaxedForQ4`. */
export function plainForQ4(x: usize, columns: i32, to: usize): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(inverseScale(largest));
    let sums = i32x4.splat(0);
    // #for $i 0 4
    const words$i = words8(x + $i * 32, inverse);
    sums = i32x4.add(sums, i32x4.extadd_pairwise_i16x8_s(words$i));
    const pairs$i = v128.shuffle<i16>(words$i, words$i, 0, 2, 4, 6, 1, 3, 5, 7);
    v128.store(to, pairs$i, $i * 16);
    // #end
    const sum = integers4(sums), scale = largest / LARGEST;
    store<f32>(to, scale, SCALE);
    store<i32>(to, -8 * sum, START);
    store<f32>(to, scale * <f32> sum, SUM);
    to += BLOCK;
  }
}
