// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { PRODUCTS } from "./attention_int8_keys.ts";
import { keep, madd } from "./simd.ts";

/** The weights of a tile of up to six rows: 64 of 16 bits, 128 bytes a row. */
// #inline
export const WEIGHTS: usize = memory.data(768, 16);

/** What units of a tile's weights are worth, an f32 for each row. */
// #inline
export const UNITS: usize = memory.data(32, 16);

/** What the outputs of each row are to be multiplied by. */
// #inline
export const FACTORS: usize = memory.data(32, 16);

/**
 * Two partial sums of the last row: twelve sums and four operands are one more
 * than the registers that V8 has. It would keep one sum in memory, and every
 * step would wait for the one before; two take turns.
 */
// #inline
const SUMS: usize = memory.data(32, 16);

/**
 * `output = factor · output + unit · Σ weight · value` for a tile of 1, 2, 3 or
 * 6 rows and `count` values of `headDim` bytes, which are read in runs of 16:
 * what follows the last one has weights of 0. As many bytes from `next` on are
 * brought into the cache.
 *
 * @param out Outputs of the first row; those of the next follow.
 */
export function valueTile(
  height: i32,
  values: usize,
  headDim: usize,
  count: i32,
  out: usize,
  next: usize,
): void {
  if (height == 6) return valueTile5(values, headDim, count, out, next);
  // #for $l 0 3
  if (height == $l + 1) {
    return valueTile$l(values, headDim, count, out, next);
  }
  // #end
}

// #for $l 0 6
/** {@linkcode valueTile} of rows up to row `$l`. */
function valueTile$l(
  values: usize,
  headDim: usize,
  count: i32,
  out: usize,
  next: usize,
): void {
  const width = headDim << 2, share = <usize> ((count + 15) & ~15) << 3;
  for (const end = out + width; out < end; out += 32, values += 8) {
    eightChannels$l(values, headDim, count, out, width, next);
    next += share;
  }
}

/** Products of eight channels of the values with each row's weights. */
// #inline
function eightChannels$l(
  value: usize,
  headDim: usize,
  count: i32,
  out: usize,
  width: usize,
  next: usize,
): void {
  // #for $j 0 $l
  let c$j = i32x4.splat(0), d$j = c$j;
  // #end
  let c$l = i32x4.splat(0), touched: i32 = 0;
  // #for $k 0 2
  v128.store(SUMS, c$l, $k * 16);
  // #end
  do {
    // #for $g 0 4
    touched |= load<i32>(next, $g * 128) | load<i32>(next, $g * 128 + 64);
    // #for $h 0 4
    // #for $k 0 2
    const a$g$h$k = v128.load_ext<i8>(value);
    value += headDim;
    const b$g$h$k = v128.load_ext<i8>(value);
    value += headDim;
    // deno-fmt-ignore
    const x$g$h$k = v128.shuffle<i16>(a$g$h$k, b$g$h$k, 0, 8, 1, 9, 2, 10, 3, 11);
    // deno-fmt-ignore
    const y$g$h$k = v128.shuffle<i16>(a$g$h$k, b$g$h$k, 4, 12, 5, 13, 6, 14, 7, 15);
    // #for $j 0 $l
    const p$g$h$k$j = WEIGHTS + ($j * 128 + $g * 32 + $h * 8 + $k * 4);
    const w$g$h$k$j = v128.load32_splat(p$g$h$k$j);
    c$j = i32x4.add(c$j, i32x4.dot_i16x8_s(x$g$h$k, w$g$h$k$j));
    d$j = i32x4.add(d$j, i32x4.dot_i16x8_s(y$g$h$k, w$g$h$k$j));
    // #end
    const p$g$h$k = WEIGHTS + ($l * 128 + $g * 32 + $h * 8 + $k * 4);
    const w$g$h$k = v128.load32_splat(p$g$h$k);
    c$l = i32x4.add(c$l, i32x4.dot_i16x8_s(x$g$h$k, w$g$h$k));
    const before$g$h$k = v128.load(SUMS, $k * 16);
    const dot$g$h$k = i32x4.dot_i16x8_s(y$g$h$k, w$g$h$k);
    v128.store(SUMS, i32x4.add(before$g$h$k, dot$g$h$k), $k * 16);
    // #end
    // #end
    if (count <= ($g + 1) * 16) break;
    // #end
  } while (false);
  keep(touched, PRODUCTS);
  const d$l = i32x4.add(v128.load(SUMS), v128.load(SUMS, 16));
  // #for $j 0 $l+1
  const unit$j = v128.load32_splat(UNITS, $j * 4);
  const factor$j = v128.load32_splat(FACTORS, $j * 4);
  addTo(out + width * $j, c$j, unit$j, factor$j);
  addTo(out + width * $j + 16, d$j, unit$j, factor$j);
  // #end
}
// #end

/** Adds to four outputs. */
// #inline
function addTo(out: usize, sum: v128, unit: v128, factor: v128): void {
  const before = f32x4.mul(factor, v128.load(out));
  v128.store(out, madd(unit, f32x4.convert_i32x4_s(sum), before));
}
