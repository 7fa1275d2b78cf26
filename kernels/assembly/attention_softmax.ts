// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { BLOCK, SCORES } from "./attention_rows";
import { exp4, max4, sum4 } from "./simd";

/**
 * One step of a softmax over blocks (arXiv 1805.02867): the first `count`
 * scores of a row become `e^(score - top)` and the rest 0, `top` being the
 * largest of this block and those before. What was summed up so far is to be
 * multiplied by `factor` = `e^(old top - top)`, as is done here with `sum`.
 */
export function softmaxBlock(
  scores: usize,
  count: i32,
  top: usize,
  sum: usize,
  factor: usize,
): void {
  if (count <= 0) {
    memory.fill(scores, 0, SCORES);
    store<f32>(factor, 1);
    return;
  }
  const end = padScores(scores, count);
  const before = load<f32>(top);
  const now = max(before, largest(scores, end));
  const scale = f32x4.extract_lane(exp4(f32x4.splat(before - now)), 0);
  store<f32>(top, now);
  store<f32>(sum, load<f32>(sum) * scale + exponentials(scores, end, now));
  store<f32>(factor, scale);
  if (count < BLOCK) {
    const used = <usize> count << 2;
    memory.fill(scores + used, 0, SCORES - used);
  }
}

/** Fills up the last 16 scores with -Infinity and gives their end. */
function padScores(scores: usize, count: i32): usize {
  const end = scores + (<usize> ((count + 15) & ~15) << 2);
  for (let p = scores + (<usize> count << 2); p < end; p += 4) {
    store<f32>(p, -f32.MAX_VALUE);
  }
  return end;
}

/** Largest score. */
// #inline
function largest(scores: usize, end: usize): f32 {
  // #for $i 0 4
  let top$i = v128.load(scores, $i * 16);
  // #end
  for (let p = scores + 64; p < end; p += 64) {
    // #for $i 0 4
    top$i = f32x4.pmax(top$i, v128.load(p, $i * 16));
    // #end
  }
  return max4(f32x4.pmax(f32x4.pmax(top0, top1), f32x4.pmax(top2, top3)));
}

/** Makes scores exponentials relative to `top`; their sum. */
// #inline
function exponentials(scores: usize, end: usize, top: f32): f32 {
  const base = f32x4.splat(top);
  let sum0 = f32x4.splat(0), sum1 = sum0;
  for (let p = scores; p < end; p += 32) {
    // #for $i 0 2
    const e$i = exp4(f32x4.sub(v128.load(p, $i * 16), base));
    v128.store(p, e$i, $i * 16);
    sum$i = f32x4.add(sum$i, e$i);
    // #end
  }
  return sum4(f32x4.add(sum0, sum1));
}
