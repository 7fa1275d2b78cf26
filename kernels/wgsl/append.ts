import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import type { CacheType } from "../tensors.ts";
import {
  cacheBinding,
  cachePlaces,
  forTypes,
  typeOf,
  vectorScale,
  vectorWords,
  writeCache,
} from "./cache_types.ts";
import { entry } from "./entry.ts";
import { refuseNonFinite } from "./finite.ts";
import { hadamard } from "./hadamard.ts";

/** Invocations of a workgroup: the most quads that a head has. */
const SIZE = 64;
/** Workgroups along a dimension. */
const MOST = 65_535;

/** WGSL that makes of \`x\` what is stored of it: a turn and a scale. */
const rounding = (type: CacheType) =>
  type === "int8"
    ? `
${hadamard(SIZE)}
${vectorScale(SIZE)}
fn turned(x: vec4<f32>, lane: u32) -> vec4<f32> { return hadamard(x, lane); }`
    : `
fn turned(x: vec4<f32>, lane: u32) -> vec4<f32> { return x; }
fn vectorScale(x: vec4<f32>, lane: u32) -> f32 { return 1.0; }`;

/**
 * Kernels of {@linkcode append}: tokens along y, heads along x, as many in a
 * workgroup as their quads fit.
 */
export const appendKernels: Readonly<Record<CacheType, GpuKernel>> = forTypes((
  type,
) => ({
  name: "append",
  tensors: {
    k: read("vec4<u32>"),
    v: read("vec4<u32>"),
    keys: cacheBinding(type, "read_write"),
    values: cacheBinding(type, "read_write"),
    positions: write("u32"),
    flag: write("atomic<u32>"),
  },
  u32: ["kvHeads", "quads", "n", "at", "position", "code"],
  words: ([kvHeads, quads, n]) =>
    kvHeads * n * (2 * (4 * quads + vectorWords(type, quads)) + 1),
  code: () => `
${refuseNonFinite}
${rounding(type)}
${cachePlaces("keys", type)}
${cachePlaces("values", type)}
${writeCache(type, "keys", "values")}

fn appendToken(i: u32, h: u32, quad: u32, lane: u32, mine: bool) {
  var key = vec4<u32>();
  var value = vec4<u32>();
  if (mine) {
    let source = h * params.quads + quad;
    key = k[params.k_offset / 4u + i * (params.k_stride / 4u) + source];
    value = v[params.v_offset / 4u + i * (params.v_stride / 4u) + source];
    refuseNonFinite(key, params.code);
    refuseNonFinite(value, params.code + 1u);
  }
  let x = turned(bitcast<vec4<f32>>(key), lane);
  let y = bitcast<vec4<f32>>(value);
  let scales = vec2<f32>(vectorScale(x, lane), vectorScale(y, lane));
  if (!mine) { return; }
  let slot = params.at + i;
  keysStore(slot, h, quad, x, scales.x);
  valuesStore(slot, h, quad, y, scales.y);
  if (quad == 0u) { ${entry("positions", "slot")} = params.position + i; }
}

@compute @workgroup_size(${SIZE})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let heads = ${SIZE}u / params.quads;
  let h = group.x * heads + lane / params.quads;
  let mine = lane / params.quads < heads && h < params.kvHeads;
  for (var i = group.y; i < params.n; i += groups.y) {
    appendToken(i, h, lane % params.quads, lane, mine);
  }
}`,
}));

/**
 * See {@linkcode Kernels.append}.
 *
 * @param code Raises `flag` for k; the next one does for v.
 */
export function append(
  queue: GpuQueue,
  { keys, values, positions }: GpuCache,
  k: GpuTensor,
  v: GpuTensor,
  n: number,
  at: number,
  position: number,
  flag: GpuTensor,
  code: number,
): void {
  const [kvHeads, _, headDim] = keys.shape;
  const quads = headDim / 4;
  const heads = Math.floor(SIZE / quads);
  queue.dispatch(
    appendKernels[typeOf(keys)],
    [k, v, keys, values, positions, flag],
    [kvHeads, quads, n, at, position, code],
    [],
    [Math.ceil(kvHeads / heads), Math.min(n, MOST)],
  );
}
