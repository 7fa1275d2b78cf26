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
 * For `attention`: queries, outputs and five statistics of up to 48 rows (query
 * heads of one KV head, of all queries), what a block of 64 keys needs, and
 * weights with their largest of a block, or of all `weighed` keys for a tally.
 *
 * @param size Bytes of an element of the cache.
 */
export function attentionScratch(
  n: number,
  group: number,
  headDim: number,
  size: number,
  weighed: number,
): number {
  const rows = Math.min(n, Math.max(1, Math.floor(48 / group))) * group;
  const blocks = Math.max(1, Math.ceil(weighed / 64));
  const vectors = rows * (2 * headDim + 4) * 4;
  return vectors + blockScratch(headDim, size) + blocks * rows * 65 * 4;
}

/** 64 keys or values as floats, or 64 values of integers. */
function blockScratch(headDim: number, size: number): number {
  return size === 4 ? 0 : 64 * headDim * 4;
}

/** For `order`: a histogram of 2048 digits and as many indices as tokens. */
export function orderScratch(n: number): number {
  return (2048 + n) * 4;
}

/**
 * For `windowScores`: the queries of one KV head, a block of 64 keys, the
 * weights of all blocks with their largest scores, and four statistics.
 */
export function windowScoresScratch(
  window: number,
  group: number,
  headDim: number,
  n: number,
): number {
  const rows = window * group;
  const blocks = Math.ceil(n / 64);
  return ((rows + 64) * headDim + blocks * rows * 65 + rows * 4) * 4;
}

/**
 * For `redundancy`: all keys of one KV head and a tile of six of them, their
 * similarities with a block of 64 keys, and three entries a column.
 */
export function redundancyScratch(headDim: number, n: number): number {
  const columns = Math.ceil(n / 4) * 4;
  return ((n + 6) * headDim + 6 * 64 + columns * 3) * 4;
}

/** For `keydiff`: all keys of one KV head and their mean. */
export function keydiffScratch(headDim: number, n: number): number {
  return (n + 1) * headDim * 4;
}

/** For `quota`: what is best of a block, and what finding it needs. */
export function quotaScratch(n: number): number {
  return n * 4 + topKScratch(n);
}

/**
 * For `reposition`: two float64 complex numbers and a float32 one for each
 * channel pair, and a key.
 */
export function repositionScratch(headDim: number): number {
  return 6 * headDim * 4;
}

/** For `topK`: a histogram of 2048 digits, and a key for every score. */
export function topKScratch(n: number): number {
  return (2048 + n) * 4;
}

/** For `compact`: whether a slot's token stays, a byte each. */
export function compactScratch(n: number): number {
  return n;
}
