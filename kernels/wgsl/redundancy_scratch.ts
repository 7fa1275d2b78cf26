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

/**
 * WGSL of `loadTotal(h: u32, lane: u32)`, which makes `total` the sum of all
 * unit keys of a head. All invocations of the workgroup must call it.
 */
export const total: string = `
// Of a head: the most quads that it has.
var<workgroup> total: array<vec4<f32>, 64>;

fn loadTotal(h: u32, lane: u32) {
  if (lane < params.quads) {
    var sum = vec4<f32>();
    for (var split = 0u; split < params.splits; split++) {
      let at = totalAt(h, split, lane);
      sum += vec4<f32>(
        scratch[at], scratch[at + 1u], scratch[at + 2u], scratch[at + 3u],
      );
    }
    total[lane] = sum;
  }
  workgroupBarrier();
}`;
