import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor, GpuWeight } from "../../gpu/tensor.ts";
import type { StoredType } from "../stored.ts";
import { LANES, rowGroups } from "./grid.ts";
import { packedWords } from "./pack.ts";
import { ofStoredTypes, TILE_ROWS, unpackCode } from "./packed.ts";

/** Four columns per invocation, of the ids whose rows are in one part. */
const embedKernel = (type: StoredType): GpuKernel => ({
  name: `embed (${type})`,
  tensors: { weight: read("vec4<u32>"), ids: read("i32"), out: write() },
  u32: ["columns", "rows", "first"],
  words: ([columns], [_, n]) =>
    n * (1 + packedWords(type, TILE_ROWS, columns) / TILE_ROWS + columns),
  code: () => unpackCode(type) + code,
});

const code = `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let column = 4u * id.x;
  let row = u32(ids[params.ids_offset + id.y]) - params.first;
  if (column >= params.columns || row >= params.rows) { return; }
  let numbers = fourAt(row, column);
  let at = params.out_offset + id.y * params.out_stride + column;
  for (var j = 0u; j < 4u && column + j < params.columns; j++) {
    out[at + j] = numbers[j];
  }
}
`;

const kernels: Record<StoredType, GpuKernel> = ofStoredTypes(embedKernel);

/** The kernels of {@linkcode embed}, by stored type. */
export const embedKernels: readonly GpuKernel[] = Object.values(kernels);

/** {@linkcode Kernels.embed}, a dispatch per part of the table. */
export function embed(
  queue: GpuQueue,
  table: GpuWeight,
  ids: GpuTensor,
  out: GpuTensor,
  n: number,
): void {
  const { columns, parts } = table;
  for (const { type, rows, first, memory } of parts) {
    queue.dispatch(
      kernels[type],
      [memory, ids, out],
      [columns, rows, first],
      [],
      rowGroups(Math.ceil(columns / 4), n),
    );
  }
}
