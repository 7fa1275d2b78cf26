import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import type { Sampling } from "../ops.ts";
import { HEAVIEST } from "../reference/truncation.ts";
import { LANES } from "./grid.ts";
import { reduceMax } from "./reduce.ts";
import { scan } from "./scan.ts";
import { softmax } from "./softmax.ts";

/**
 * Sums of weights, each up to 2^28, of up to 2^18 tokens: a number is
 * `x · 2^14 + y`, and in the sum of many neither part overflows.
 */
const masses = `
fn massOf(weight: f32) -> vec2<u32> {
  return vec2<u32>(u32(weight) >> 14u, u32(weight) & 0x3fffu);
}

fn carried(sum: vec2<u32>) -> vec2<u32> {
  return vec2<u32>(sum.x + (sum.y >> 14u), sum.y & 0x3fffu);
}

fn less(a: vec2<u32>, b: vec2<u32>) -> bool {
  return a.x < b.x || (a.x == b.x && a.y < b.y);
}

fn minus(a: vec2<u32>, b: vec2<u32>) -> vec2<u32> {
  let borrow = u32(a.y < b.y);
  return vec2<u32>(a.x - b.x - borrow, a.y + (borrow << 14u) - b.y);
}

fn fraction(mass: vec2<u32>) -> f32 {
  return f32(mass.x) * 16384.0 + f32(mass.y);
}

fn shareOf(mass: vec2<u32>, share: f32) -> vec2<u32> {
  let product = share * fraction(mass);
  let high = floor(product / 16384.0);
  return vec2<u32>(u32(high), u32(product - high * 16384.0));
}
`;

/**
 * Where a head of the tokens by falling weight ends: at a weight (its key), of
 * the equals of which the first few by id belong to it. The end is found from
 * the highest digit of the keys down, as in `topK`; here what is summed is
 * weight.
 */
const heads = `
struct Head { key: u32, equals: u32 }

var<workgroup> high: array<atomic<u32>, ${LANES}>;
var<workgroup> low: array<atomic<u32>, ${LANES}>;
// The digit, and what is still wanted of the tokens with it.
var<workgroup> chosen: vec3<u32>;

// Whole numbers in the order of the weights; small ones have many digits, so
// that few additions meet.
fn keyOf(weight: f32) -> u32 { return bitcast<u32>(weight) << 1u; }

fn collect(prefix: u32, shift: u32, counts: bool, lane: u32) {
  atomicStore(&high[lane], 0u);
  atomicStore(&low[lane], 0u);
  workgroupBarrier();
  for (var id = lane; id < params.width; id += ${LANES}u) {
    let weight = weightOf(id);
    let key = keyOf(weight);
    if (weight == 0.0 || ((key ^ prefix) >> shift) >> 8u != 0u) { continue; }
    let own = select(massOf(weight), vec2<u32>(0u, 1u), counts);
    let digit = (key >> shift) & 255u;
    atomicAdd(&high[digit], own.x);
    atomicAdd(&low[digit], own.y);
  }
  workgroupBarrier();
}

// The last digit also stands for less than all tokens have together.
fn choose(wanted: vec2<u32>, lane: u32) -> vec3<u32> {
  let digit = 255u - lane;
  let own = vec2<u32>(atomicLoad(&high[digit]), atomicLoad(&low[digit]));
  let through = scan(own, lane);
  let above = carried(through - own);
  let reaches = digit == 0u || !less(carried(through), wanted);
  if (less(above, wanted) && reaches) {
    chosen = vec3<u32>(digit, minus(wanted, above));
  }
  return workgroupUniformLoad(&chosen);
}

// The shortest head that has so many tokens, or so much weight.
fn headWith(wanted: vec2<u32>, counts: bool, lane: u32) -> Head {
  var key = 0u;
  var left = max(wanted, vec2<u32>(0u, u32(wanted.x == 0u)));
  for (var digit = 0u; digit < 4u; digit++) {
    let shift = 24u - 8u * digit;
    collect(key, shift, counts, lane);
    let choice = choose(left, lane);
    key |= choice.x << shift;
    left = choice.yz;
  }
  let each = select(max(1.0, bitcast<f32>(key >> 1u)), 1.0, counts);
  return Head(key, u32(ceil(fraction(left) / each)));
}
`;

/** Passes over runs of ids: each invocation has its own. */
const runs = `
var<workgroup> last: vec2<u32>;

// Weight of a run that is in a head, and of all runs before it.
struct Run { first: u32, end: u32, equals: u32, own: vec2<u32>, before: vec2<u32> }

fn runOf(head: Head, lane: u32) -> Run {
  let length = (params.width + ${LANES - 1}u) / ${LANES}u;
  let first = min(lane * length, params.width);
  let end = min(first + length, params.width);
  var mass = vec2<u32>();
  var equals = 0u;
  for (var id = first; id < end; id++) {
    let weight = weightOf(id);
    let key = keyOf(weight);
    equals += u32(key == head.key);
    if (key > head.key) { mass += massOf(weight); }
  }
  let before = scan(vec2<u32>(equals, 0u), lane).x - equals;
  let room = head.equals - min(before, head.equals);
  let weight = massOf(bitcast<f32>(head.key >> 1u));
  let own = mass + min(equals, room) * weight;
  return Run(first, end, room, own, scan(own, lane) - own);
}

// Weight of all runs.
fn totalOf(run: Run, lane: u32) -> vec2<u32> {
  if (lane == ${LANES - 1}u) { last = carried(run.before + run.own); }
  return workgroupUniformLoad(&last);
}

// The first token up to which more than the goal lies.
fn find(run: Run, head: Head, goal: vec2<u32>) -> u32 {
  var sum = run.before;
  var room = run.equals;
  for (var id = run.first; id < run.end; id++) {
    let weight = weightOf(id);
    let key = keyOf(weight);
    let isEqual = key == head.key && room > 0u;
    if (key < head.key || (key == head.key && !isEqual)) { continue; }
    room -= u32(isEqual);
    sum += massOf(weight);
    if (less(goal, carried(sum))) { return id; }
  }
  return run.end - 1u;
}
`;

/** One workgroup: shares become weights, heads are cut off, a token is drawn. */
export const sampleKernel: GpuKernel = {
  name: "sample",
  tensors: { shares: read(), out: write("u32") },
  u32: ["width", "topK"],
  f32: ["topP", "minP", "draw"],
  words: ([width]) => width + 1,
  code: (features) => `
${reduceMax(features, LANES)}
${scan}

const HEAVIEST = ${HEAVIEST}.0;

var<private> scale: f32;

fn weightOf(id: u32) -> f32 {
  return min(round(shares[params.shares_offset + id] * scale), HEAVIEST);
}

${masses}
${heads}
${runs}

fn scaleOf(lane: u32) -> f32 {
  var most = 0.0;
  for (var id = lane; id < params.width; id += ${LANES}u) {
    most = max(most, shares[params.shares_offset + id]);
  }
  return HEAVIEST / reduceMax(most, lane);
}

fn truncated(lane: u32) -> Head {
  var head = Head(0u, 0u);
  if (params.topK > 0u) {
    head = headWith(carried(vec2<u32>(0u, params.topK)), true, lane);
  }
  if (params.topP < 1.0) {
    let mass = totalOf(runOf(head, lane), lane);
    head = headWith(shareOf(mass, params.topP), false, lane);
  }
  let least = keyOf(ceil(params.minP * HEAVIEST));
  if (least > head.key) { head = Head(least, ~0u); }
  return head;
}

@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) lane: u32) {
  scale = scaleOf(lane);
  let head = truncated(lane);
  let run = runOf(head, lane);
  let goal = shareOf(totalOf(run, lane), params.draw);
  let isHere = !less(goal, carried(run.before)) &&
    less(goal, carried(run.before + run.own));
  if (isHere) { out[params.out_offset] = find(run, head, goal); }
}
`,
};

/** See {@linkcode Kernels.sample}; three dispatches, two of them the softmax. */
export function sample(
  queue: GpuQueue,
  logits: GpuTensor,
  out: GpuTensor,
  { temperature, topK, topP, minP }: Sampling,
  draw: number,
): void {
  softmax(queue, logits, 1, temperature);
  // As f32 has 24 digits, a draw just below 1 would be 1.
  const below = Math.floor(draw * 2 ** 24) / 2 ** 24;
  const fractions = [topP, minP, below];
  const whole = [logits.width, topK];
  queue.dispatch(sampleKernel, [logits, out], whole, fractions, [1]);
}
