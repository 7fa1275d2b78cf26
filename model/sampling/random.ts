/**
 * Uniform number in [0, 1) that depends on nothing but its arguments, so that
 * the n-th draw of a seed is the same on every backend (a 32-bit finaliser of
 * MurmurHash3 over a Weyl sequence).
 */
export function uniform(seed: number, counter: number): number {
  const weyl = Math.imul(counter + 1, 0x9e3779b9);
  return mix(mix(seed >>> 0) + weyl >>> 0) / 2 ** 32;
}

function mix(word: number): number {
  let x = word ^ word >>> 16;
  x = Math.imul(x, 0x85ebca6b);
  x ^= x >>> 13;
  x = Math.imul(x, 0xc2b2ae35);
  return (x ^ x >>> 16) >>> 0;
}
