/**
 * How much memory the kernels of `kernels/assembly` need for intermediate
 * results, in bytes.
 *
 * @module
 */

/**
 * For `linear`: the quantised activations of up to 64 tokens, 112 bytes for 32
 * columns.
 */
export function linearScratch(n: number, columns: number): number {
  return Math.min(n, 64) * Math.ceil(columns / 32) * 112;
}

/**
 * For `attention`: queries, outputs, scores of a block of 64 keys and three
 * statistics of up to 48 rows (query heads of one KV head, of all queries).
 */
export function attentionScratch(
  n: number,
  queryHeads: number,
  kvHeads: number,
  headDim: number,
): number {
  const rows = Math.min(n * queryHeads / kvHeads, 48);
  return rows * (2 * headDim + 64 + 3) * 4;
}

/** For `order`: a histogram of 2048 digits and as many indices as tokens. */
export function orderScratch(n: number): number {
  return (2048 + n) * 4;
}

/**
 * For `windowScores`: the queries of one KV head, a block of 64 keys, the
 * weights of all blocks with their largest scores, and three statistics.
 */
export function windowScoresScratch(
  window: number,
  queryHeads: number,
  kvHeads: number,
  headDim: number,
  n: number,
): number {
  const rows = window * queryHeads / kvHeads;
  const blocks = Math.ceil(n / 64);
  return ((rows + 64) * headDim + blocks * rows * 65 + rows * 3) * 4;
}

/**
 * For `redundancy`: all keys of one KV head and a tile of six of them, their
 * similarities with a block of 64 keys, and three entries a column.
 */
export function redundancyScratch(headDim: number, n: number): number {
  const columns = Math.ceil(n / 4) * 4;
  return ((n + 6) * headDim + 6 * 64 + columns * 3) * 4;
}

/** For `topK`: a histogram of 2048 digits, and a key for every score. */
export function topKScratch(n: number): number {
  return (2048 + n) * 4;
}

/** For `compact`: whether a slot's token stays, a byte each. */
export function compactScratch(n: number): number {
  return n;
}
