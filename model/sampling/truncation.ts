/** Token ids in any list. */
export type Ids = number[] | Uint32Array;

/** How a distribution is cut; see {@linkcode SamplerOptions}. */
export interface Truncation {
  /** 0 for all. */
  topK: number;
  /** 1 for all. */
  topP: number;
  /** 0 for all. */
  minP: number;
}

/**
 * Ids that all three truncations leave, the likeliest first; top-k goes first,
 * then top-p over what is left.
 *
 * @param weights Probability of each id.
 */
export function likeliest(
  weights: Float32Array,
  truncation: Truncation,
): number[] {
  const { topK, topP, minP } = truncation;
  const head = sortedHead(weights, truncation);
  const ids = topK ? head.slice(0, topK) : head;
  const mass = topK ? sum(weights, ids) : total(weights);
  const least = minP * weights[ids[0]];
  return nucleus(weights, ids, topP * mass).filter((id) =>
    weights[id] >= least
  );
}

/**
 * Ids by falling weight, as many as the truncations can need: sorting the
 * whole vocabulary for each token would take longer than a small model.
 */
function sortedHead(weights: Float32Array, truncation: Truncation): number[] {
  const best = weights.reduce((a, b) => Math.max(a, b), 0);
  const falling = (a: number, b: number) => weights[b] - weights[a] || a - b;
  for (const share of [1e-2, 1e-4]) {
    const ids = idsAbove(weights, share * best);
    if (suffices(weights, ids, share, truncation)) return ids.sort(falling);
  }
  return idsAbove(weights, 0).sort(falling);
}

function idsAbove(weights: Float32Array, least: number): number[] {
  const ids: number[] = [];
  weights.forEach((weight, id) => weight >= least && ids.push(id));
  return ids;
}

/** Whether the first cut that is made lies within `ids`. */
function suffices(
  weights: Float32Array,
  ids: number[],
  share: number,
  { topK, topP, minP }: Truncation,
): boolean {
  if (topK) return ids.length >= topK;
  if (topP < 1) return sum(weights, ids) >= topP * total(weights);
  return minP >= share;
}

/** The shortest head of `ids` that weighs `mass`. */
function nucleus(weights: Float32Array, ids: number[], mass: number): number[] {
  let left = mass;
  const end = ids.findIndex((id) => (left -= weights[id]) <= 0);
  return end < 0 ? ids : ids.slice(0, end + 1);
}

/** The id at share `draw` of the weight of `ids`. */
export function pick(
  weights: Float32Array,
  ids: Ids,
  draw: number,
): number {
  let left = draw * sum(weights, ids);
  const found = ids.find((id) => (left -= weights[id]) < 0);
  return found ?? ids[ids.length - 1];
}

function sum(weights: Float32Array, ids: Ids): number {
  let total = 0;
  for (let i = 0; i < ids.length; i++) total += weights[ids[i]];
  return total;
}

function total(weights: Float32Array): number {
  return weights.reduce((a, b) => a + b, 0);
}
