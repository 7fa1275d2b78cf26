import { entry } from "./entry.ts";
import { LANES } from "./grid.ts";
import { scan } from "./scan.ts";

/**
 * WGSL of `topK(h: u32, lane: u32)`, which writes the ranks of the `params.k`
 * largest (at least one) of `params.older` finalScores to `kept`, ascending.
 *
 * It finds the `k`-th largest score by its bits, from the highest digit down
 * (radix select), and keeps what is above it and as many of its equals as
 * there is room for. All `LANES` invocations of the workgroup must call it.
 */
export const topK: string = `
${scan}

var<workgroup> histogram: array<atomic<u32>, ${LANES}>;
var<workgroup> chosen: vec2<u32>;

// Whole numbers in the order of the scores: the bits of negative numbers count
// the other way round, and -0 is 0.
fn keyOf(h: u32, r: u32) -> u32 {
  let stored = bitcast<u32>(${entry("finalScores")});
  let bits = select(stored, 0u, stored == 0x80000000u);
  return bits ^ select(0x80000000u, 0xffffffffu, bits >> 31u == 1u);
}

// Counts digits of the keys that agree with the prefix above the digit.
fn count(h: u32, lane: u32, prefix: u32, shift: u32) {
  atomicStore(&histogram[lane], 0u);
  workgroupBarrier();
  for (var r = lane; r < params.older; r += ${LANES}u) {
    let key = keyOf(h, r);
    if (((key ^ prefix) >> shift) >> 8u == 0u) {
      atomicAdd(&histogram[(key >> shift) & 255u], 1u);
    }
  }
  workgroupBarrier();
}

// The digit of the wanted-th largest key, and which of that digit's it is.
fn choose(lane: u32, wanted: u32) -> vec2<u32> {
  let digit = 255u - lane;
  let equal = atomicLoad(&histogram[digit]);
  let through = scan(vec2<u32>(equal, 0u), lane).x;
  let above = through - equal;
  if (above < wanted && wanted <= through) {
    chosen = vec2<u32>(digit, wanted - above);
  }
  return workgroupUniformLoad(&chosen);
}

// Writes ranks above the threshold, and the first equals at it, in order:
// each invocation those of a run of ranks.
fn writeRanks(h: u32, lane: u32, threshold: u32, equals: u32) {
  let run = (params.older + ${LANES - 1}u) / ${LANES}u;
  let first = min(lane * run, params.older);
  let end = min(first + run, params.older);
  var own = vec2<u32>();
  for (var r = first; r < end; r++) {
    let key = keyOf(h, r);
    own += vec2<u32>(u32(key > threshold), u32(key == threshold));
  }
  var before = scan(own, lane) - own;
  for (var r = first; r < end; r++) {
    let key = keyOf(h, r);
    let equal = key == threshold;
    if (key > threshold || (equal && before.y < equals)) {
      ${entry("kept", "before.x + min(before.y, equals)")} = r;
    }
    before += vec2<u32>(u32(key > threshold), u32(equal));
  }
}

fn topK(h: u32, lane: u32) {
  var threshold = 0u;
  var wanted = params.k;
  for (var digit = 0u; digit < 4u; digit++) {
    let shift = 24u - 8u * digit;
    count(h, lane, threshold, shift);
    let choice = choose(lane, wanted);
    threshold |= choice.x << shift;
    wanted = choice.y;
  }
  writeRanks(h, lane, threshold, wanted);
}`;
