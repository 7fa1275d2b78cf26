/** Parameters of all kernels of `redundancy`. */
export const redundancySizes: readonly string[] = ["n", "quads", "splits"];

/** Words of scratch for each head. */
export function scratchWords(
  n: number,
  headDim: number,
  splits: number,
): number {
  return 3 * n + splits * headDim;
}

/**
 * WGSL of where in `scratch` things are: for each key of a head, in order of
 * rank, one over its length, the last key similar to it (-1 for none), and the
 * similarity with that; then, for each split of the ranks, the sum of unit keys.
 */
export const scratchPlaces: string = `
fn headAt(h: u32) -> u32 {
  return h * (3u * params.n + params.splits * params.quads * 4u);
}
fn inverseAt(h: u32, r: u32) -> u32 { return headAt(h) + r; }
fn lastAt(h: u32, r: u32) -> u32 { return inverseAt(h, params.n + r); }
fn similarityAt(h: u32, r: u32) -> u32 { return lastAt(h, params.n + r); }
fn totalAt(h: u32, split: u32, quad: u32) -> u32 {
  return similarityAt(h, params.n) + (split * params.quads + quad) * 4u;
}`;
