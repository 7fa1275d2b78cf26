// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { copyRow } from "./attention_rows.ts";
import { gatherRows } from "./gather_rows.ts";
import { madd, sum4 } from "./simd.ts";

/**
 * As {@linkcode gatherRows}, each row divided by its length, give or take
 * 1e-6; the row after the last becomes their sum.
 */
export function gatherUnits(
  size: i32,
  rows: usize,
  scales: usize,
  indices: usize,
  width: usize,
  count: i32,
  target: usize,
): void {
  const total = target + <usize> count * width;
  memory.fill(total, 0, width);
  for (; target < total; target += width, indices += 4) {
    gatherRows(size, rows, scales, indices, width, 1, target);
    const length = sqrt<f32>(product(target, target, width)) + <f32> 1e-6;
    copyRow(target, 16, target, 16, width, <f32> 1 / length);
    addRow(target, total, width);
  }
}

/** Product of two rows. */
export function product(a: usize, b: usize, width: usize): f32 {
  // Four sums: one would wait for itself.
  // #for $i 0 4
  let sum$i = f32x4.splat(0);
  // #end
  let at: usize = 0;
  for (; at + 64 <= width; at += 64) {
    // #for $i 0 4
    sum$i = madd(v128.load(a + at, $i * 16), v128.load(b + at, $i * 16), sum$i);
    // #end
  }
  for (; at < width; at += 16) {
    sum0 = madd(v128.load(a + at), v128.load(b + at), sum0);
  }
  return sum4(f32x4.add(f32x4.add(sum0, sum1), f32x4.add(sum2, sum3)));
}

function addRow(row: usize, total: usize, width: usize): void {
  for (let at: usize = 0; at < width; at += 16) {
    const sum = f32x4.add(v128.load(total + at), v128.load(row + at));
    v128.store(total + at, sum);
  }
}
