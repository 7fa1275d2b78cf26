// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled
//
// A block of keys or values of type int8 as dot products want it: strips of 8
// lanes, which are tokens of keys and channels of values. A strip holds, for
// every 4 channels of keys or 4 tokens of values, 8 lanes by those 4. Lanes of
// vectors are lanes of results, so that nothing is summed across.

/** Bytes of a strip of values: 8 channels by 64 tokens. */
export const VALUE_STRIP: usize = 512;

/**
 * Lays out `count` keys of `headDim` bytes, a multiple of 16, in strips of
 * `8 · headDim` bytes; the last takes the place of those that a strip lacks.
 *
 * @param starts Result, for relaxed SIMD: where sums of products with queries
 *   start, whose upper halves are shifted by 64, an i32 for each key.
 */
export function keyStrips(
  keys: usize,
  headDim: usize,
  count: i32,
  strips: usize,
  starts: usize,
): void {
  const last = keys + <usize> (count - 1) * headDim;
  for (; keys <= last; keys += headDim << 3, strips += headDim << 3) {
    fourKeys(keys, headDim, last, strips, starts);
    fourKeys(keys + (headDim << 2), headDim, last, strips + 16, starts + 16);
    starts += 32;
  }
}

/** Half a strip. */
// #inline
function fourKeys(
  key: usize,
  headDim: usize,
  last: usize,
  to: usize,
  starts: usize,
): void {
  // #for $i 0 4
  const key$i = min(key + headDim * $i, last);
  // #end
  let sums = i32x4.splat(0);
  for (let at: usize = 0; at < headDim; at += 16, to += 128) {
    // #for $i 0 4
    const x$i = v128.load(key$i + at);
    // #end
    const a = v128.shuffle<i32>(x0, x1, 0, 4, 1, 5);
    const b = v128.shuffle<i32>(x0, x1, 2, 6, 3, 7);
    const c = v128.shuffle<i32>(x2, x3, 0, 4, 1, 5);
    const d = v128.shuffle<i32>(x2, x3, 2, 6, 3, 7);
    const y0 = v128.shuffle<i64>(a, c, 0, 2),
      y1 = v128.shuffle<i64>(a, c, 1, 3);
    const y2 = v128.shuffle<i64>(b, d, 0, 2),
      y3 = v128.shuffle<i64>(b, d, 1, 3);
    // #for $i 0 4
    v128.store(to, y$i, $i * 32);
    if (ASC_FEATURE_RELAXED_SIMD) sums = addBytes(y$i, sums);
    // #end
  }
  if (ASC_FEATURE_RELAXED_SIMD) {
    v128.store(starts, i32x4.neg(i32x4.shl(sums, 6)));
  }
}

/** Adds the signed bytes of each lane. */
// #inline
function addBytes(x: v128, sums: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, i8x16.splat(1), sums);
}

/** Lays out `count` values of `headDim` bytes, a multiple of 16, in strips. */
export function valueStrips(
  values: usize,
  headDim: usize,
  count: i32,
  strips: usize,
): void {
  const last = values + <usize> (count - 1) * headDim;
  for (; values <= last; values += headDim << 2, strips += 32) {
    fourValues(values, headDim, last, strips);
  }
}

/** The part of all strips that is of four tokens. */
// #inline
function fourValues(
  value: usize,
  headDim: usize,
  last: usize,
  to: usize,
): void {
  // #for $i 0 4
  const value$i = min(value + headDim * $i, last);
  // #end
  for (let at: usize = 0; at < headDim; at += 16, to += 2 * VALUE_STRIP) {
    // #for $i 0 4
    const x$i = v128.load(value$i + at);
    // #end
    const a = lowBytes(x0, x1), b = highBytes(x0, x1);
    const c = lowBytes(x2, x3), d = highBytes(x2, x3);
    v128.store(to, lowWords(a, c));
    v128.store(to, highWords(a, c), 16);
    v128.store(to, lowWords(b, d), VALUE_STRIP);
    v128.store(to, highWords(b, d), VALUE_STRIP + 16);
  }
}

// Pairs of neighbours: of the first or the second halves of two vectors.

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

// #inline
function lowWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 0, 8, 1, 9, 2, 10, 3, 11);
}

// #inline
function highWords(a: v128, b: v128): v128 {
  return v128.shuffle<i16>(a, b, 4, 12, 5, 13, 6, 14, 7, 15);
}
