// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { pass } from "./attention_pass.ts";
import { BLOCK, SCORES } from "./attention_rows.ts";
import { finishFactors } from "./window_combine.ts";

/** Slots `from … to` begin at 0. */
export function clearTally(
  sums: usize,
  squares: usize,
  from: i32,
  to: i32,
): void {
  const start = <usize> from << 2, bytes = <usize> (to - from) << 2;
  memory.fill(sums + start, 0, bytes);
  if (squares) memory.fill(squares + start, 0, bytes);
}

/** Adds the weights of a batch, whose first query `before` others came before. */
export function tallyBatch(
  sums: usize,
  squares: usize,
  mean: i32,
  before: i32,
): void {
  const rows = pass.rows;
  let weights = pass.weights, factors = pass.tops;
  for (let start = 0; start < pass.end; start += BLOCK) {
    const count = min(BLOCK, pass.end - start);
    finishFactors(factors, pass.statistics, rows);
    for (let row = 0; row < rows; row += pass.group) {
      const first = weights + <usize> row * SCORES;
      const seen = before + row / pass.group;
      combineHeads(first, factors + (<usize> row << 2), count, mean);
      if (squares) addSquares(first, count, seen, sums, squares);
      addSums(first, count, sums);
    }
    weights += <usize> rows * SCORES;
    factors += <usize> rows << 2;
    sums += SCORES;
    if (squares) squares += SCORES;
  }
}

/** Probabilities of `count` keys, in the place of the weights of the first head. */
function combineHeads(
  weights: usize,
  factors: usize,
  count: i32,
  mean: i32,
): void {
  const share = f32x4.splat(mean ? <f32> 1 / <f32> pass.group : 1);
  const last = factors + (<usize> pass.group << 2);
  for (const end = weights + (<usize> count << 2); weights < end;) {
    let all = f32x4.splat(0), p = weights;
    for (let factor = factors; factor < last; factor += 4, p += SCORES) {
      const x = f32x4.mul(v128.load(p), v128.load32_splat(factor));
      all = mean ? f32x4.add(all, x) : f32x4.pmax(all, x);
    }
    v128.store(weights, f32x4.mul(all, share));
    weights += 16;
  }
}

/** Welford's step, before the sums are added to, of a query after `before`. */
function addSquares(
  p: usize,
  count: i32,
  before: i32,
  sums: usize,
  squares: usize,
): void {
  for (let i: usize = 0; i < <usize> count << 2; i += 4) {
    const x = load<f32>(p + i), sum = load<f32>(sums + i);
    const old = before > 0 ? sum / <f32> before : x;
    const now = (sum + x) / <f32> (before + 1);
    store<f32>(squares + i, load<f32>(squares + i) + (x - old) * (x - now));
  }
}

/** Adds `count` probabilities. */
function addSums(p: usize, count: i32, sums: usize): void {
  for (let i: usize = 0; i < <usize> count << 2; i += 4) {
    store<f32>(sums + i, load<f32>(sums + i) + load<f32>(p + i));
  }
}
