import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { StoredType } from "../stored.ts";
import { packedWords } from "./pack.ts";
import { unpackCode } from "./packed.ts";

/** Rows of the weight that a workgroup multiplies, 4 per invocation. */
export const MATRIX_ROWS = 64;
/** Rows of the input that a workgroup multiplies, 4 per invocation. */
export const MATRIX_INPUTS = 32;
/** Columns that are in workgroup memory at once: 12 KiB of the 16 there are. */
const COLUMNS_AT_ONCE = 32;

const ROW_LANES = MATRIX_ROWS / 4;
const INPUT_LANES = MATRIX_INPUTS / 4;
const LANES = ROW_LANES * INPUT_LANES;

/**
 * Matrix times matrix in tiles of 64 rows and 32 inputs.
 *
 * Both go through workgroup memory, transposed, so that an invocation reads
 * two vectors there for the 16 products that it adds up in registers.
 */
export function linearMatrixKernel(type: StoredType): GpuKernel {
  return {
    name: `linear of a matrix (${type})`,
    tensors: { x: read(), weight: read("vec4<u32>"), out: write() },
    u32: ["columns", "rows", "first", "n"],
    words: ([columns, rows, _, n]) =>
      packedWords(type, rows, columns) + n * (columns + rows),
    code: () => unpackCode(type) + code,
  };
}

const code = `
// By column, then four rows or inputs each.
var<workgroup> weights: array<vec4<f32>, ${COLUMNS_AT_ONCE * ROW_LANES}>;
var<workgroup> inputs: array<vec4<f32>, ${COLUMNS_AT_ONCE * INPUT_LANES}>;

@compute @workgroup_size(${ROW_LANES}, ${INPUT_LANES})
fn main(
  @builtin(workgroup_id) tile: vec3<u32>,
  @builtin(local_invocation_id) lane: vec3<u32>,
  @builtin(local_invocation_index) index: u32,
) {
  let row = tile.x * ${MATRIX_ROWS}u + 4u * lane.x;
  let first = tile.y * ${MATRIX_INPUTS}u;
  var sums = mat4x4<f32>();
  for (var start = 0u; start < params.columns; start += ${COLUMNS_AT_ONCE}u) {
    workgroupBarrier();
    loadWeights(row, start, lane);
    loadInputs(first, start, index);
    workgroupBarrier();
    for (var k = 0u; k < ${COLUMNS_AT_ONCE}u; k++) {
      let w = weights[k * ${ROW_LANES}u + lane.x];
      let v = inputs[k * ${INPUT_LANES}u + lane.y];
      sums += mat4x4(w * v.x, w * v.y, w * v.z, w * v.w);
    }
  }
  for (var i = 0u; i < 4u; i++) {
    store(first + 4u * lane.y + i, row, sums[i]);
  }
}

fn loadWeights(row: u32, start: u32, lane: vec3<u32>) {
  let column = start + 4u * lane.y;
  let rows = transpose(mat4x4(
    weightsAt(row, column), weightsAt(row + 1u, column),
    weightsAt(row + 2u, column), weightsAt(row + 3u, column)
  ));
  for (var k = 0u; k < 4u; k++) {
    weights[(4u * lane.y + k) * ${ROW_LANES}u + lane.x] = rows[k];
  }
}

// Rows beyond the last one are anything: their products are not stored.
fn weightsAt(row: u32, column: u32) -> vec4<f32> {
  if (column >= params.columns) { return vec4<f32>(); }
  return fourAt(row, column);
}

fn loadInputs(first: u32, start: u32, index: u32) {
  let k = index % ${COLUMNS_AT_ONCE}u;
  var group = index / ${COLUMNS_AT_ONCE}u;
  for (; group < ${INPUT_LANES}u; group += ${LANES / COLUMNS_AT_ONCE}u) {
    let i = first + 4u * group;
    let column = start + k;
    inputs[k * ${INPUT_LANES}u + group] = vec4(
      input(i, column), input(i + 1u, column),
      input(i + 2u, column), input(i + 3u, column)
    );
  }
}

fn input(i: u32, column: u32) -> f32 {
  if (i >= params.n || column >= params.columns) { return 0.0; }
  return x[params.x_offset + i * params.x_stride + column];
}

fn store(i: u32, row: u32, values: vec4<f32>) {
  if (i >= params.n) { return; }
  let at = params.out_offset + i * params.out_stride + params.first + row;
  for (var j = 0u; j < 4u && row + j < params.rows; j++) {
    out[at + j] = values[j];
  }
}
`;
