import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";

/**
 * WGSL of `quota(h: u32, lane: u32)`, which makes `params.highest` of the
 * finalScores of the `params.perBlock` best of each block of
 * `params.blockSize` positions, of `params.older` ranks from `params.protect`
 * on. Uses `keyOf` of {@linkcode topK}, and similarities as intermediate
 * storage. All `LANES` invocations of the workgroup must call it.
 */
export const quota: string = `
fn positionOf(h: u32, r: u32) -> u32 {
  return ${entry("positions", entry("order"))};
}

// The first rank, not protected, of a position that is not lower; by halving.
fn rankFrom(h: u32, position: u32) -> u32 {
  var low = params.protect;
  var high = params.older;
  while (low < high) {
    let middle = (low + high) / 2u;
    if (positionOf(h, middle) < position) { low = middle + 1u; }
    else { high = middle; }
  }
  return low;
}

// Whether fewer than \`perBlock\` tokens of its block are better.
fn amongBest(h: u32, r: u32) -> bool {
  let own = keyOf(h, r);
  let position = positionOf(h, r);
  let block = position - position % params.blockSize;
  let end = rankFrom(h, block + params.blockSize);
  var better = 0u;
  for (var i = rankFrom(h, block); i < end && better < params.perBlock; i++) {
    let other = keyOf(h, i);
    better += u32(other > own || (other == own && i < r));
  }
  return better < params.perBlock;
}

fn quota(h: u32, lane: u32) {
  for (var r = params.protect + lane; r < params.older; r += ${LANES}u) {
    let score = ${entry("finalScores")};
    ${entry("similarities")} = select(score, params.highest, amongBest(h, r));
  }
  // Scores are compared until the last one is judged.
  storageBarrier();
  for (var r = params.protect + lane; r < params.older; r += ${LANES}u) {
    ${entry("finalScores")} = ${entry("similarities")};
  }
  storageBarrier();
}`;
