import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuCache, GpuTensor } from "../../gpu/tensor.ts";
import { entry } from "./entry.ts";
import { refuseNonFinite } from "./finite.ts";

/** Invocations of a workgroup. */
const SIZE = 64;
/** Workgroups along a dimension. */
const MOST = 65_535;

/** Kernel of {@linkcode append}: tokens along y, what one has along x; bits. */
export const appendKernel: GpuKernel = {
  name: "append",
  tensors: {
    k: read("vec4<u32>"),
    v: read("vec4<u32>"),
    keys: write("vec4<u32>"),
    values: write("vec4<u32>"),
    positions: write("u32"),
    flag: write("atomic<u32>"),
  },
  u32: ["kvHeads", "quads", "n", "at", "position", "code"],
  words: ([kvHeads, quads, n]) => kvHeads * n * (4 * 4 * quads + 1),
  code: () => `
${refuseNonFinite}

fn copyQuad(i: u32, h: u32, quad: u32) {
  let source = h * params.quads + quad;
  let to = (params.at + i) * params.quads + quad;
  let key = k[params.k_offset / 4u + i * (params.k_stride / 4u) + source];
  let value = v[params.v_offset / 4u + i * (params.v_stride / 4u) + source];
  keys[params.keys_offset / 4u + h * (params.keys_stride / 4u) + to] = key;
  values[params.values_offset / 4u + h * (params.values_stride / 4u) + to] =
    value;
  refuseNonFinite(key, params.code);
  refuseNonFinite(value, params.code + 1u);
}

@compute @workgroup_size(${SIZE})
fn main(
  @builtin(global_invocation_id) id: vec3<u32>,
  @builtin(num_workgroups) groups: vec3<u32>,
) {
  let h = id.x / params.quads;
  let quad = id.x % params.quads;
  if (h >= params.kvHeads) { return; }
  for (var i = id.y; i < params.n; i += groups.y) {
    copyQuad(i, h, quad);
    if (quad == 0u) {
      ${entry("positions", "params.at + i")} = params.position + i;
    }
  }
}`,
};

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
  queue.dispatch(
    appendKernel,
    [k, v, keys, values, positions, flag],
    [kvHeads, quads, n, at, position, code],
    [],
    [Math.ceil(kvHeads * quads / SIZE), Math.min(n, MOST)],
  );
}
