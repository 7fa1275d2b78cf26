import type { Sampling } from "../ops.ts";

/** Weight of the likeliest token in {@linkcode Kernels.sample}. */
export const HEAVIEST: number = 2 ** 28;

/**
 * The token that {@linkcode Kernels.sample} draws.
 *
 * @param weights Weight of each id, the largest {@linkcode HEAVIEST}.
 * @param draw Share of the weight that is passed over, from 0 and below 1.
 */
export function drawToken(
  weights: Uint32Array,
  sampling: Sampling,
  draw: number,
): number {
  const { topK, topP, minP } = sampling;
  if (topK === 0 && topP === 1 && minP === 0) {
    let left = draw * total(weights);
    let id = 0;
    while ((left -= weights[id]) >= 0) id++;
    return id;
  }
  const ids = likeliest(weights, sampling).sort((a, b) => a - b);
  let left = draw * sum(weights, ids);
  return ids.find((id) => (left -= weights[id]) < 0)!;
}

/** Ids that all three truncations leave, the likeliest first. */
function likeliest(weights: Uint32Array, sampling: Sampling): number[] {
  const { topK, topP, minP } = sampling;
  const head = sortedHead(weights, sampling);
  const ids = topK ? head.slice(0, topK) : head;
  const mass = topK ? sum(weights, ids) : total(weights);
  return nucleus(weights, ids, topP * mass).filter((id) =>
    weights[id] >= minP * HEAVIEST
  );
}

/**
 * Ids by falling weight, as many as the truncations can need: sorting the
 * whole vocabulary for each token would take longer than a small model.
 */
function sortedHead(weights: Uint32Array, sampling: Sampling): number[] {
  const falling = (a: number, b: number) => weights[b] - weights[a] || a - b;
  for (const share of [1e-2, 1e-4]) {
    const ids = idsFrom(weights, share * HEAVIEST);
    if (suffices(weights, ids, share, sampling)) return ids.sort(falling);
  }
  return idsFrom(weights, 0).sort(falling);
}

function idsFrom(weights: Uint32Array, least: number): number[] {
  const ids: number[] = [];
  for (let id = 0; id < weights.length; id++) {
    if (weights[id] >= least) ids.push(id);
  }
  return ids;
}

/** Whether the first cut that is made lies within `ids`. */
function suffices(
  weights: Uint32Array,
  ids: number[],
  share: number,
  { topK, topP, minP }: Sampling,
): boolean {
  if (topK) return ids.length >= topK;
  if (topP < 1) return sum(weights, ids) >= topP * total(weights);
  return minP >= share;
}

/** The shortest head of `ids` that weighs `mass`. */
function nucleus(weights: Uint32Array, ids: number[], mass: number): number[] {
  let left = mass;
  const end = ids.findIndex((id) => (left -= weights[id]) <= 0);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

function sum(weights: Uint32Array, ids: number[]): number {
  return ids.reduce((mass, id) => mass + weights[id], 0);
}

function total(weights: Uint32Array): number {
  let mass = 0;
  // A function called for each of a whole vocabulary takes half a millisecond.
  for (let id = 0; id < weights.length; id++) mass += weights[id];
  return mass;
}
