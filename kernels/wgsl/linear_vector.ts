import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { StoredType } from "../stored.ts";
import { packedWords } from "./pack.ts";
import { PACKED, TILE_ROWS, unpackCode } from "./packed.ts";

/** Invocations that share the rows of a tile, two rows each. */
const ROW_LANES = TILE_ROWS / 2;
/** Invocations that share the columns of a row. */
const COLUMN_LANES = 16;
const LANES = ROW_LANES * COLUMN_LANES;
/** Inputs that are in workgroup memory at once: 4 KiB leave room for others. */
const CHUNK = 1024;

/**
 * Matrix times vector, one workgroup per tile of 16 rows.
 *
 * Every weight is loaded once, 128 bits at a time and the workgroup's loads
 * side by side. An invocation sums up two rows over every 16th block of
 * columns; at the end 16 of them add what belongs to one row.
 */
export function linearVectorKernel(type: StoredType): GpuKernel {
  return {
    name: `linear of a vector (${type})`,
    tensors: { x: read(), weight: read("vec4<u32>"), out: write() },
    u32: ["columns", "rows", "first"],
    words: ([columns, rows]) =>
      packedWords(type, rows, columns) + columns + rows,
    code: () => unpackCode(type) + dotCode(type) + code,
  };
}

/** `dotUnit`, a unit times inputs from vector `at` on, unrolled. */
function dotCode(type: StoredType): string {
  const { columns, units } = PACKED[type];
  const terms = Array.from(
    { length: columns / units / 4 },
    (_, j) => `dot(four(words, ${j}u, scale), inputs[at + ${j}u])`,
  );
  return `
fn dotUnit(words: vec4<u32>, scale: vec2<f32>, at: u32) -> f32 {
  return ${terms.join(" +\n    ")};
}
`;
}

const code = `
var<workgroup> inputs: array<vec4<f32>, ${CHUNK / 4}>;
var<workgroup> parts: array<vec2<f32>, ${LANES}>;

@compute @workgroup_size(${ROW_LANES}, ${COLUMN_LANES})
fn main(
  @builtin(workgroup_id) tile: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  var sums = vec2<f32>();
  for (var start = 0u; start < params.columns; start += ${CHUNK}u) {
    workgroupBarrier();
    loadInputs(start, index);
    workgroupBarrier();
    let end = min(blocks(), (start + ${CHUNK}u) / COLUMNS);
    var block = start / COLUMNS + lane.y;
    for (; block < end; block += ${COLUMN_LANES}u) {
      let at = (block * COLUMNS - start) / 4u;
      sums += dotBlock(blockStart(tile.x, block), lane.x, at);
    }
  }
  parts[index] = sums;
  workgroupBarrier();
  let row = tile.x * 16u + index;
  if (index < 16u && row < params.rows) {
    out[params.out_offset + params.first + row] = sumOfRow(index);
  }
}

fn loadInputs(start: u32, index: u32) {
  for (var i = index; i < ${CHUNK / 4}u; i += ${LANES}u) {
    let column = start + 4u * i;
    if (column >= params.columns + COLUMNS) { return; }
    inputs[i] = vec4(
      input(column), input(column + 1u), input(column + 2u), input(column + 3u)
    );
  }
}

// Zero in the columns that fill up the last block.
fn input(column: u32) -> f32 {
  if (column >= params.columns) { return 0.0; }
  return x[params.x_offset + column];
}

fn dotBlock(start: u32, row: u32, at: u32) -> vec2<f32> {
  let scale0 = scaleOf(start, row);
  let scale1 = scaleOf(start, row + ${ROW_LANES}u);
  var sums = vec2<f32>();
  for (var unit = 0u; unit < UNITS; unit++) {
    let words0 = weight[start + unit * 16u + row];
    let words1 = weight[start + unit * 16u + row + ${ROW_LANES}u];
    let first = at + unit * UNIT_COLUMNS / 4u;
    sums += vec2(
      dotUnit(words0, scale0, first), dotUnit(words1, scale1, first)
    );
  }
  return sums;
}

fn sumOfRow(row: u32) -> f32 {
  var sum = 0.0;
  for (var i = 0u; i < ${COLUMN_LANES}u; i++) {
    let part = parts[i * ${ROW_LANES}u + row % ${ROW_LANES}u];
    sum += select(part.x, part.y, row >= ${ROW_LANES}u);
  }
  return sum;
}
`;
