// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { SCORES } from "./attention_rows.ts";
import { WEIGHTS } from "./attention_int8_values.ts";
import { peakOf, sumOf, topOf } from "./attention_softmax.ts";
import { exp4, madd, max4, sum4 } from "./simd.ts";

/** The largest integer of weights. */
const LARGEST: f32 = 32767;

/**
 * Scales of `count` values, 64 at most, in units of the largest; the rest are 0.
 *
 * @returns What a unit is worth.
 */
export function unitScales(scales: usize, count: i32, to: usize): f32 {
  const used = <usize> count << 2;
  memory.copy(to, scales, used);
  memory.fill(to + used, 0, SCORES - used);
  let most = f32x4.splat(0);
  for (let at: usize = 0; at < SCORES; at += 16) {
    most = f32x4.pmax(most, v128.load(to + at));
  }
  const largest = max4(most);
  const inverse = f32x4.splat(largest > 1e-30 ? LARGEST / largest : 0);
  for (let at: usize = 0; at < SCORES; at += 16) {
    v128.store(to + at, f32x4.mul(v128.load(to + at), inverse));
  }
  return largest / LARGEST;
}

/**
 * Makes the first `count` scores of a row exponentials, adds them to the row's
 * sum, and rounds their products with `scales` to 15 bits, relative to the
 * block's largest score, whose place then holds what a unit is worth.
 */
export function weighScores(
  row: i32,
  rows: i32,
  count: i32,
  scores: usize,
  scales: usize,
  unit: f32,
  statistics: usize,
  to: usize,
): void {
  const sum = sumOf(statistics, row, rows),
    peak = peakOf(statistics, row, rows);
  const top = load<f32>(topOf(statistics, row));
  const change = f32x4.splat(top - load<f32>(peak));
  const inverse = f32x4.extract_lane(exp4(change), 0);
  const added = roundExponentials(scores, count, scales, top, inverse, to);
  store<f32>(sum, load<f32>(sum) + added);
  store<f32>(peak, unit / inverse);
}

/** {@linkcode weighScores}, 16 at a time; gives the sum of the exponentials. */
// #inline
function roundExponentials(
  scores: usize,
  count: i32,
  scales: usize,
  top: f32,
  inverse: f32,
  to: usize,
): f32 {
  const base = f32x4.splat(top), factor = f32x4.splat(inverse);
  const magic = f32x4.splat(12582912.0);
  // #for $i 0 4
  let sum$i = f32x4.splat(0);
  // #end
  const end = to + WEIGHTS, used = to + (<usize> ((count + 15) & ~15) << 1);
  for (; to < used; to += 32, scores += 64, scales += 64) {
    // #for $i 0 4
    const e$i = exp4(f32x4.sub(v128.load(scores, $i * 16), base));
    v128.store(scores, e$i, $i * 16);
    sum$i = f32x4.add(sum$i, e$i);
    const x$i = f32x4.mul(e$i, factor);
    const y$i = madd(x$i, v128.load(scales, $i * 16), magic);
    const w$i = i32x4.sub(y$i, magic);
    // #end
    v128.store(to, i16x8.narrow_i32x4_s(w0, w1));
    v128.store(to, i16x8.narrow_i32x4_s(w2, w3), 16);
  }
  if (to < end) memory.fill(to, 0, end - to);
  return sum4(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}
