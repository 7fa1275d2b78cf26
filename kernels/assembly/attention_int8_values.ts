// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { pass } from "./attention_pass.ts";
import { keep, madd } from "./simd.ts";

/** Bytes of a strip of values: 8 channels by 64 tokens. */
const STRIP: usize = 512;
/** Bytes of a row's weights of a block, as integers. */
export const WEIGHTS: usize = 128;

/**
 * Lays out `count` values of `headDim` bytes, a multiple of 16, for
 * {@linkcode valueTile}: in strips of 8 channels, which hold for every pair of
 * tokens the two bytes of each channel side by side.
 */
export function valueStrips(
  values: usize,
  headDim: usize,
  count: i32,
  strips: usize,
): void {
  const last = values + <usize> (count - 1) * headDim;
  for (; values <= last; values += headDim << 1, strips += 16) {
    const next = min(values + headDim, last);
    for (let at: usize = 0, to = strips; at < headDim; at += 16) {
      const a = v128.load(values + at), b = v128.load(next + at);
      v128.store(to, lowBytes(a, b));
      v128.store(to, highBytes(a, b), STRIP);
      to += STRIP * 2;
    }
  }
}

// #inline
function lowBytes(a: v128, b: v128): v128 {
  // deno-fmt-ignore
  return v128.shuffle<i8>(a, b, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

// #inline
function highBytes(a: v128, b: v128): v128 {
  // deno-fmt-ignore
  return v128.shuffle<i8>(a, b, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31);
}

/**
 * `output = factor · output + unit · Σ weight · value` for up to three rows.
 * One cache line from `next` on is brought into the cache for every 64 bytes of
 * the strips.
 *
 * @param groups Runs of eight tokens, the last filled up with weights of 0.
 * @param out Outputs of the first row; those of the next are `width` bytes on.
 */
export function valueTile(
  height: i32,
  weights: usize,
  strips: usize,
  groups: i32,
  units: usize,
  factors: usize,
  out: usize,
  width: usize,
  next: usize,
): void {
  // #for $r 1 4
  if (height == $r) {
    // deno-fmt-ignore
    return valueTile$r(weights, strips, groups, units, factors, out, width, next);
  }
  // #end
}

// #for $r 1 4
function valueTile$r(
  weights: usize,
  strips: usize,
  groups: i32,
  units: usize,
  factors: usize,
  out: usize,
  width: usize,
  next: usize,
): void {
  const size = <usize> groups << 4;
  for (const end = out + width; out < end; out += 32, strips += STRIP) {
    eightChannels$r(weights, strips, size, units, factors, out, width, next);
    next += size << 2;
  }
}

/** Products of a strip with each row's weights, `size` bytes of them. */
// #inline
function eightChannels$r(
  weights: usize,
  strip: usize,
  size: usize,
  units: usize,
  factors: usize,
  out: usize,
  width: usize,
  next: usize,
): void {
  // #for $j 0 $r
  let c$j = i32x4.splat(0), d$j = c$j;
  // #end
  let touched: i32 = 0;
  for (const end = weights + size; weights < end; weights += 16, strip += 64) {
    touched |= load<i32>(next);
    next += 64;
    // #for $j 0 $r
    const w$j = v128.load(weights, $j * WEIGHTS);
    // #end
    // #for $u 0 4
    const v$u = v128.load(strip, $u * 16);
    const x$u = i16x8.extend_low_i8x16_s(v$u);
    const y$u = i16x8.extend_high_i8x16_s(v$u);
    // #for $j 0 $r
    const w$u_$j = v128.shuffle<i32>(w$j, w$j, $u, $u, $u, $u);
    c$j = i32x4.add(c$j, i32x4.dot_i16x8_s(x$u, w$u_$j));
    d$j = i32x4.add(d$j, i32x4.dot_i16x8_s(y$u, w$u_$j));
    // #end
    // #end
  }
  keep(touched, pass.block); // where keys' scales were
  // #for $j 0 $r
  const unit$j = v128.load32_splat(units, $j * 4), to$j = out + width * $j;
  const factor$j = v128.load32_splat(factors, $j * 4);
  addTo(to$j, c$j, unit$j, factor$j);
  addTo(to$j + 16, d$j, unit$j, factor$j);
  // #end
}
// #end

/** Adds to four outputs. */
// #inline
function addTo(out: usize, sum: v128, unit: v128, factor: v128): void {
  const before = f32x4.mul(factor, v128.load(out));
  v128.store(out, madd(unit, f32x4.convert_i32x4_s(sum), before));
}
