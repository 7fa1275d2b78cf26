// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { multiply } from "./multiply.ts";
import { gatherUnits, product } from "./unit_rows.ts";

/** `factor` times the cosines of a head's keys with their mean, by rank. */
export function keydiff(
  size: i32,
  keys: usize,
  scales: usize,
  headDim: i32,
  order: usize,
  n: i32,
  factor: f32,
  out: usize,
  scratch: usize,
): void {
  const width = <usize> headDim << 2;
  const mean = scratch + <usize> n * width;
  gatherUnits(size, keys, scales, order, width, n, scratch);
  multiply(mean, width, <f32> 1 / <f32> n);
  const length = sqrt<f32>(product(mean, mean, width)) + <f32> 1e-6;
  multiply(mean, width, factor / length);
  for (let key = scratch; key < mean; key += width, out += 4) {
    store<f32>(out, product(key, mean, width));
  }
}
