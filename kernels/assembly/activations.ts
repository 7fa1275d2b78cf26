// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// The inputs of a linear layer as its kernels read them. Tokens go in groups of
// four, whose blocks of the same inputs lie side by side (for float weights a
// block is one f32); a last token that is alone is a group of its own.
import { plainForQ4, plainForQ8 } from "./activations_plain";
import { relaxedForQ4, relaxedForQ8 } from "./activations_relaxed";
import { isQuantised, StoredType } from "./packed";
import { BLOCK } from "./quantise";

/** How many of `n` tokens go in groups of four. */
// #inline
export function inFours(n: i32): i32 {
  return (n & 3) == 1 ? n - 1 : n;
}

/** Bytes of a token. */
export function activationBytes(type: i32, columns: i32): usize {
  if (isQuantised(type)) return (<usize> columns >> 5) * BLOCK;
  return <usize> columns << 2;
}

/** Arranges `n` tokens; the last group is filled up with the last of them. */
export function arrange(
  type: i32,
  x: usize,
  xStride: usize,
  n: i32,
  columns: i32,
  to: usize,
): void {
  const bytes = activationBytes(type, columns), fours = inFours(n);
  const block = isQuantised(type) ? BLOCK : 4, padded = (fours + 3) & ~3;
  for (let token = 0; token < padded; token++) {
    const row = x + <usize> min(token, fours - 1) * xStride;
    const at = to + <usize> (token & ~3) * bytes + <usize> (token & 3) * block;
    arrangeRow(type, row, columns, at, block * 4);
  }
  if (fours == n) return;
  x += <usize> fours * xStride;
  arrangeRow(type, x, columns, to + <usize> fours * bytes, block);
}

function arrangeRow(
  type: i32,
  x: usize,
  columns: i32,
  to: usize,
  stride: usize,
): void {
  if (!isQuantised(type)) copyFloats(x, columns, to, stride);
  else if (ASC_FEATURE_RELAXED_SIMD) {
    if (type == StoredType.Q8_0) relaxedForQ8(x, columns, to, stride);
    else relaxedForQ4(x, columns, to, stride);
  } else {
    if (type == StoredType.Q8_0) plainForQ8(x, columns, to, stride);
    else plainForQ4(x, columns, to, stride);
  }
}

function copyFloats(x: usize, columns: i32, to: usize, stride: usize): void {
  for (; columns > 0; columns--) {
    store<f32>(to, load<f32>(x));
    x += 4;
    to += stride;
  }
}
