// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { BLOCK, SCORES } from "./attention_rows.ts";
import { madd, max4, sum4 } from "./simd.ts";

/** The largest integer of weights. */
const LARGEST: f32 = 32767;

/** Scales of a block's values, in units of the largest. */
// #inline
const VALUE_SCALES: usize = memory.data(256, 16);

/** Scales of a block's keys. */
// #inline
export const KEY_SCALES: usize = memory.data(256, 16);

/** Copies scales of `count` vectors, 64 at most; the rest are 0. */
export function copyScales(scales: usize, count: i32, to: usize): void {
  if (count < BLOCK) {
    memory.fill(to, 0, SCORES);
    memory.copy(to, scales, <usize> count << 2);
    return;
  }
  // #for $i 0 16
  v128.store(to, v128.load(scales, $i * 16), $i * 16);
  // #end
}

/**
 * Scales of `count` values, 64 at most, in units of the largest; the rest are 0.
 *
 * @returns What a unit is worth.
 */
export function unitScales(scales: usize, count: i32): f32 {
  copyScales(scales, count, VALUE_SCALES);
  // #for $i 0 4
  let most$i = v128.load(VALUE_SCALES, $i * 16);
  // #for $j 1 4
  most$i = f32x4.pmax(most$i, v128.load(VALUE_SCALES, $i * 16 + $j * 64));
  // #end
  // #end
  most0 = f32x4.pmax(f32x4.pmax(most0, most1), f32x4.pmax(most2, most3));
  const largest = max4(most0);
  const inverse = f32x4.splat(largest > 1e-30 ? LARGEST / largest : 0);
  // #for $i 0 16
  const scaled$i = f32x4.mul(v128.load(VALUE_SCALES, $i * 16), inverse);
  v128.store(VALUE_SCALES, scaled$i, $i * 16);
  // #end
  return largest / LARGEST;
}

/**
 * Makes the first `count` products of a row scores, others the lowest number.
 *
 * @param unit What a unit of the query is worth.
 * @returns The largest score.
 */
export function scaleProducts(products: usize, count: i32, unit: f32): f32 {
  const units = f32x4.splat(unit);
  // #for $i 0 4
  let top$i = f32x4.splat(-f32.MAX_VALUE);
  // #end
  // #for $g 0 4
  // #for $i 0 4
  const scale$g_$i = v128.load(KEY_SCALES, $g * 64 + $i * 16);
  // deno-fmt-ignore
  const product$g_$i = f32x4.convert_i32x4_s(v128.load(products, $g * 64 + $i * 16));
  const score$g_$i = f32x4.mul(product$g_$i, f32x4.mul(units, scale$g_$i));
  v128.store(products, score$g_$i, $g * 64 + $i * 16);
  top$i = f32x4.pmax(top$i, score$g_$i);
  // #end
  // #end
  if (count < BLOCK) return maskScores(products, count);
  return max4(f32x4.pmax(f32x4.pmax(top0, top1), f32x4.pmax(top2, top3)));
}

/** Replaces what follows the first `count` scores; the largest of those. */
function maskScores(scores: usize, count: i32): f32 {
  const end = scores + SCORES;
  let top: f32 = -f32.MAX_VALUE;
  for (const seen = scores + (<usize> count << 2); scores < seen; scores += 4) {
    top = max(top, load<f32>(scores));
  }
  for (; scores < end; scores += 4) store<f32>(scores, -f32.MAX_VALUE);
  return top;
}

/**
 * Makes 64 scores powers of two, relative to their largest, `peak`, and rounds
 * their products with the values' scales to 15 bits. Powers are those of
 * {@linkcode exp4}. Steps of two vectors alternate: engines keep their order,
 * and a power is about as long as what CPUs look ahead.
 *
 * @returns The sum of the powers.
 */
export function weighScores(scores: usize, peak: f32, to: usize): f32 {
  const base = f32x4.splat(peak), magic = f32x4.splat(12582912.0);
  // #for $i 0 2
  let sum$i = f32x4.splat(0);
  // #end
  // #for $g 0 8
  // #for $i 0 2
  const x$g$i = f32x4.sub(v128.load(scores, $g * 32 + $i * 16), base);
  // #end
  // #for $i 0 2
  const t$g$i = f32x4.pmax(f32x4.splat(-126.0), x$g$i);
  // #end
  // #for $i 0 2
  const rounded$g$i = f32x4.add(t$g$i, magic);
  // #end
  // #for $i 0 2
  const f$g$i = f32x4.sub(t$g$i, f32x4.sub(rounded$g$i, magic));
  // #end
  // #for $i 0 2
  let p$g$i = f32x4.splat(0.0013264726);
  p$g$i = madd(p$g$i, f$g$i, f32x4.splat(0.0096715146));
  // #end
  // #for $i 0 2
  p$g$i = madd(p$g$i, f$g$i, f32x4.splat(0.0555073377));
  // #end
  // #for $i 0 2
  p$g$i = madd(p$g$i, f$g$i, f32x4.splat(0.2402224205));
  // #end
  // #for $i 0 2
  p$g$i = madd(p$g$i, f$g$i, f32x4.splat(0.6931469776));
  // #end
  // #for $i 0 2
  p$g$i = madd(p$g$i, f$g$i, f32x4.splat(1.0));
  // #end
  // #for $i 0 2
  const power$g$i = i32x4.add(p$g$i, i32x4.shl(rounded$g$i, 23));
  v128.store(scores, power$g$i, $g * 32 + $i * 16);
  sum$i = f32x4.add(sum$i, power$g$i);
  // #end
  // #for $i 0 2
  const scale$g$i = v128.load(VALUE_SCALES, $g * 32 + $i * 16);
  const w$g$i = i32x4.sub(madd(power$g$i, scale$g$i, magic), magic);
  // #end
  v128.store(to, i16x8.narrow_i32x4_s(w$g0, w$g1), $g * 16);
  // #end
  return sum4(f32x4.add(sum0, sum1));
}
