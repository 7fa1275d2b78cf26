/**
 * Turns a vector in place by the matrix under {@linkcode CacheType}: in
 * blocks of the largest power of two that divides its length. Twice is not at
 * all.
 */
export function hadamard(vector: Float64Array): void {
  const size = vector.length & -vector.length;
  for (let block = 0; block < vector.length; block += size) {
    turn(vector.subarray(block, block + size));
  }
}

function turn(x: Float64Array): void {
  for (let half = 1; half < x.length; half *= 2) {
    for (let i = 0; i < x.length; i++) {
      if (i & half) continue;
      [x[i], x[i + half]] = [x[i] + x[i + half], x[i] - x[i + half]];
    }
  }
  const scale = 1 / Math.sqrt(x.length);
  for (let i = 0; i < x.length; i++) x[i] *= scale;
}
