// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { writeRow } from "./cache_rows.ts";
import { hadamard } from "./hadamard.ts";
import { turnHead } from "./rope.ts";
import { widenRow } from "./widen_row.ts";

/**
 * Turns the keys of a head's kept tokens to the ranks that they will have.
 * How far rises with the rank, so angles are those of the tokens before and
 * some steps more: complex products in float64 in the place of sines.
 *
 * @param halves Whether pairs are of the halves or adjacent, as in `rope`.
 */
export function reposition(
  size: i32,
  keys: usize,
  scales: usize,
  headDim: i32,
  order: usize,
  kept: usize,
  n: i32,
  k: i32,
  window: i32,
  frequencies: usize,
  halves: i32,
  scratch: usize,
): void {
  const width = <usize> headDim << 2, bytes = <usize> headDim * size;
  const angles = scratch + width * 4;
  startTurns(frequencies, width, scratch);
  let steps = 0;
  for (let to = 0; to < k + window; to++) {
    const from = to < k ? rankAt(kept, to) : n - k - window + to;
    if (from == to) continue;
    for (; steps < from - to; steps++) stepTurns(scratch, width, angles);
    const slot = <usize> rankAt(order, from);
    const scale = scales + (slot << 2);
    turnKey(size, keys + slot * bytes, scale, width, angles, halves);
  }
}

// #inline
function rankAt(ranks: usize, i: i32): i32 {
  return load<i32>(ranks + (<usize> i << 2));
}

/**
 * Float64 cosine and sine of each channel pair: of no step, as complex numbers
 * one after another, then of one step back.
 */
function startTurns(frequencies: usize, width: usize, turns: usize): void {
  const steps = turns + width * 2;
  for (let at: usize = 0; at < width * 2; at += 16) {
    const angle = <f64> load<f32>(frequencies + (at >> 2));
    store<f64>(turns + at, 1);
    store<f64>(turns + at, 0, 8);
    store<f64>(steps + at, Math.cos(angle));
    store<f64>(steps + at, -Math.sin(angle), 8);
  }
}

/** Goes a step further, and writes what `turnHead` takes to `angles`. */
function stepTurns(turns: usize, width: usize, angles: usize): void {
  const steps = turns + width * 2;
  for (let at: usize = 0; at < width * 2; at += 16) {
    const cos = load<f64>(turns + at), sin = load<f64>(turns + at, 8);
    const stepCos = load<f64>(steps + at), stepSin = load<f64>(steps + at, 8);
    const nextCos = cos * stepCos - sin * stepSin;
    const nextSin = cos * stepSin + sin * stepCos;
    store<f64>(turns + at, nextCos);
    store<f64>(turns + at, nextSin, 8);
    store<f32>(angles + (at >> 1), <f32> nextCos);
    store<f32>(angles + (at >> 1), <f32> nextSin, 4);
  }
}

/** Turns one key in place; there is room for it after the angles. */
function turnKey(
  size: i32,
  key: usize,
  scale: usize,
  width: usize,
  angles: usize,
  halves: i32,
): void {
  if (size == 4) return turnHead(key, angles, width, halves);
  const row = angles + width;
  widenRow(size, key, scale, row, width);
  if (size == 1) hadamard(row, width);
  turnHead(row, angles, width, halves);
  if (size == 1) hadamard(row, width);
  writeRow(size, row, width, key, scale);
}
