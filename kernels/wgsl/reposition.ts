import { type GpuKernel, read } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import type { CacheType } from "../tensors.ts";
import {
  cacheBinding,
  forTypes,
  readCache,
  typeOf,
  vectorScale,
  vectorWords,
  writeCache,
} from "./cache_types.ts";
import { entry } from "./entry.ts";
import { hadamard } from "./hadamard.ts";

/** Invocations of a workgroup: the most quads that a head has. */
const SIZE = 64;
/** Workgroups along a dimension. */
const MOST = 65_535;

/**
 * WGSL of `turnBy(distance: f32, frequency: f32) -> vec2<f32>`: cosine and sine
 * of the product. WGSL's own are only good to `2^-11`, and the rounded product
 * of a long distance no better: the first 8 bits of the frequency are
 * multiplied apart, exactly up to distances of 65,536.
 */
const turnBy = `
// The multiple of a quarter turn that is nearest, and the rest.
fn quarters(angle: f32) -> vec2<f32> {
  let count = round(angle * 0.63661977);
  // The first part has 8 bits, so that its multiples are exact too.
  return vec2<f32>(count, (angle - count * 1.5703125) - count * 4.8382679e-4);
}

fn turnBy(distance: f32, frequency: f32) -> vec2<f32> {
  let high = bitcast<f32>(bitcast<u32>(frequency) & 0xffff0000u);
  let most = quarters(distance * high);
  let rest = quarters(most.y + distance * (frequency - high));
  // Polynomials of Cephes' sinf and cosf, for an eighth of a turn.
  let x = rest.y;
  let s = x * x;
  let sine = x + x * s *
    (-1.6666655e-1 + s * (8.3321609e-3 - s * 1.9515296e-4));
  let cosine = 1.0 - 0.5 * s + s * s *
    (4.1666646e-2 + s * (-1.3887316e-3 + s * 2.4433157e-5));
  let quarter = (i32(most.x) + i32(rest.x)) & 3;
  let turn = select(
    vec2<f32>(cosine, sine),
    vec2<f32>(-sine, cosine),
    (quarter & 1) == 1,
  );
  return select(turn, -turn, quarter >= 2);
}`;

/** WGSL between what is stored of keys and what was turned by positions. */
const rounding = (type: CacheType) =>
  type === "int8"
    ? `
${hadamard(SIZE)}
${vectorScale(SIZE)}`
    : `
fn hadamard(own: vec4<f32>, lane: u32) -> vec4<f32> { return own; }
fn vectorScale(own: vec4<f32>, lane: u32) -> f32 { return 1.0; }`;

/** WGSL that turns the keys which invocations hold, a quad each. */
const rotate = `
var<workgroup> channels: array<vec4<f32>, ${SIZE}>;

// Channel \`c\` of a key from lane \`first\` on, after a turn.
fn rotated(first: u32, c: u32, distance: f32) -> f32 {
  // Channels \`gap\` apart are a pair.
  let second = c / params.gap % 2u == 1u;
  let other = select(c + params.gap, c - params.gap, second);
  let pair = select(min(c, other), c / 2u, params.gap == 1u);
  let frequency = frequencies[params.frequencies_offset + pair];
  let turn = turnBy(distance, frequency);
  let sine = select(-turn.y, turn.y, second);
  return channels[first + c / 4u][c % 4u] * turn.x +
    channels[first + other / 4u][other % 4u] * sine;
}

fn rotate(own: vec4<f32>, quad: u32, lane: u32, distance: f32) -> vec4<f32> {
  workgroupBarrier();
  channels[lane] = own;
  workgroupBarrier();
  if (distance == 0.0) { return own; }
  let first = lane - quad;
  return vec4<f32>(
    rotated(first, 4u * quad, distance),
    rotated(first, 4u * quad + 1u, distance),
    rotated(first, 4u * quad + 2u, distance),
    rotated(first, 4u * quad + 3u, distance),
  );
}`;

/** Kernels of {@linkcode reposition}: as many keys in a workgroup as fit. */
export const repositionKernels: Readonly<Record<CacheType, GpuKernel>> =
  forTypes((type) => ({
    name: "reposition",
    tensors: {
      keys: cacheBinding(type, "read_write"),
      order: read("u32"),
      kept: read("u32"),
      frequencies: read(),
    },
    u32: ["n", "k", "size", "quads", "gap"],
    words: ([_n, k, size, quads], [_, kvHeads]) =>
      kvHeads * (k + size * (1 + 2 * vectorWords(type, quads))) + 2 * quads,
    code: () => `
${readCache(type, "keys")}
${writeCache(type, "keys")}
${rounding(type)}
${turnBy}
${rotate}

// The rank that a kept token has before.
fn rankBefore(h: u32, rank: u32) -> u32 {
  if (rank < params.k) { return ${entry("kept", "rank")}; }
  return params.n - params.size + rank;
}

fn reposition(h: u32, rank: u32, quad: u32, lane: u32, mine: bool) {
  var slot = 0u;
  var distance = 0.0;
  var own = vec4<f32>();
  if (mine) {
    let before = rankBefore(h, rank);
    slot = ${entry("order", "before")};
    distance = f32(i32(rank) - i32(before));
    own = keysQuad(slot, h, quad);
  }
  // The type's turn is its own inverse.
  own = rotate(hadamard(own, lane), quad, lane, distance);
  own = hadamard(own, lane);
  let scale = vectorScale(own, lane);
  if (distance != 0.0) { keysStore(slot, h, quad, own, scale); }
}

@compute @workgroup_size(${SIZE})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let count = ${SIZE}u / params.quads;
  let key = lane / params.quads;
  for (var i = group.x; i * count < params.size; i += groups.x) {
    let rank = i * count + key;
    let mine = key < count && rank < params.size;
    reposition(group.y, rank, lane % params.quads, lane, mine);
  }
}`,
  }));

/** See {@linkcode Kernels.reposition}; one dispatch. */
export function reposition(
  queue: GpuQueue,
  { keys }: GpuCache,
  order: GpuTensor,
  kept: GpuTensor,
  n: number,
  k: number,
  window: number,
  frequencies: GpuTensor,
  pairing: "adjacent" | "halves",
): void {
  const [kvHeads, _, headDim] = keys.shape;
  const [size, quads] = [k + window, headDim / 4];
  if (size === 0) return;
  const gap = pairing === "adjacent" ? 1 : headDim / 2;
  const groups = Math.ceil(size / Math.floor(SIZE / quads));
  queue.dispatch(
    repositionKernels[typeOf(keys)],
    [keys, order, kept, frequencies],
    [n, k, size, quads, gap],
    [],
    [Math.min(groups, MOST), kvHeads],
  );
}
