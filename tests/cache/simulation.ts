import type { CacheShape } from "../../cache/layer.ts";
import { normal } from "../kernels/numbers.ts";

/** A cached token of a head, with all that methods may score it by. */
export interface SimulatedToken {
  readonly position: number;
  readonly key: Float64Array;
  /** Attention of all queries so far, the mean of the query heads. */
  total: number;
  /** Attention of the newest query, the mean of the query heads. */
  last: number;
}

/** How {@linkcode simulate} evicts. */
export interface Simulation {
  readonly shape: CacheShape;
  readonly tokens: number;
  readonly window: number;
  readonly interval: number;
  /** Tokens of the prompt, and generated ones. */
  readonly prompt: number;
  readonly generated: number;
  /** Scores of a head's tokens. */
  readonly score: (tokens: readonly SimulatedToken[]) => readonly number[];
}

/**
 * What `feed` feeds, to a cache written anew: arrays of tokens, one layer, as
 * the papers' formulas say it. Gives the positions that each KV head holds.
 */
export function simulate(run: Simulation): number[][] {
  const { kvHeads } = run.shape;
  return Array.from({ length: kvHeads }, (_, head) => {
    let cached = step(run, head, [], 0, run.prompt);
    for (let i = 0; i < run.generated; i++) {
      cached = step(run, head, cached, run.prompt + i, 1);
      if ((i + 1) % run.interval === 0) cached = evict(run, cached);
    }
    return cached.map(({ position }) => position);
  });
}

function step(
  run: Simulation,
  head: number,
  before: SimulatedToken[],
  seen: number,
  n: number,
): SimulatedToken[] {
  const { queryHeads, kvHeads, headDim } = run.shape;
  const at = (tensor: number, heads: number, i: number, h: number) =>
    Float64Array.from(
      { length: headDim },
      (_, c) =>
        Math.fround(normal(3 * seen + tensor, (i * heads + h) * headDim + c)),
    );
  const cached = [...before];
  for (let i = 0; i < n; i++) {
    const key = at(1, kvHeads, i, head);
    cached.push({ position: seen + i, key, total: 0, last: 0 });
    for (const token of cached) token.last = 0;
    const group = queryHeads / kvHeads;
    for (let g = 0; g < group; g++) {
      const query = at(0, queryHeads, i, head * group + g);
      const weights = softmax(
        cached.map((token) => dot(query, token.key) / Math.sqrt(headDim)),
      );
      cached.forEach((token, t) => token.last += weights[t] / group);
    }
    for (const token of cached) token.total += token.last;
  }
  return n > 1 ? evict(run, cached) : cached;
}

function evict(
  { tokens, window, score }: Simulation,
  cached: SimulatedToken[],
): SimulatedToken[] {
  if (cached.length <= tokens) return cached;
  const scores = score(cached);
  const older = cached.map((_, i) => i).slice(0, cached.length - window);
  older.sort((a, b) => scores[b] - scores[a]);
  const kept = older.slice(0, tokens - window).sort((a, b) => a - b);
  return [...kept.map((i) => cached[i]), ...cached.slice(-window)];
}

/** Inner product. */
export function dot(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}

/** Probabilities of logits. */
export function softmax(x: readonly number[]): number[] {
  const most = Math.max(...x);
  const weights = x.map((value) => Math.exp(value - most));
  const sum = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / sum);
}
