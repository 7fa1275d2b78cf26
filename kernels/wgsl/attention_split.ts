import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import { refuseNonFinite } from "./finite.ts";
import { LANES } from "./grid.ts";

/** Slots that are scored together. */
export const TILE = 32;
/** Invocations that share the product of a query and a key. */
const SHARE = LANES / TILE;

/**
 * Online softmax attention of rows over a split of the slots (flash-decoding).
 *
 * A row is a query of one of the heads that share a KV head; row `r` is head
 * `r % group` of query `r / group`. A workgroup takes `rows` of them, four to
 * a vector, which share the loads of keys and values. Where there is one
 * split the result is written to `out`, otherwise a partial one to `partials`:
 * for each row and split the weighted sum of values, largest score and weight.
 */
export function attentionSplitKernel(rows: 4 | 8): GpuKernel {
  return {
    name: `attention of ${rows} rows`,
    tensors: {
      q: read("vec4<f32>"),
      keys: read("vec4<f32>"),
      values: read("vec4<f32>"),
      out: write("vec4<f32>"),
      partials: write("vec4<f32>"),
      flag: write("atomic<u32>"),
    },
    u32: ["rows", "group", "quads", "cached", "n", "splits", "span", "code"],
    f32: ["scale"],
    words: splitWords,
    code: () =>
      [state(rows), scores(rows), softmax(rows), values(rows), main(rows)]
        .join("\n"),
  };
}

/** Queries, keys and values, and a result for each split. */
const splitWords: GpuKernel["words"] = (
  [rows, _group, quads, cached, _n, splits],
  [_blocks, _splits, kvHeads],
) => {
  const results = splits > 1 ? splits * (quads + 1) : quads;
  return 4 * kvHeads * (rows * (quads + results) + 2 * cached * quads);
};

/** WGSL for each of `count` numbers, which so become constants. */
function each(
  count: number,
  code: (i: number) => string,
  separator = "\n",
): string {
  return Array.from({ length: count }, (_, i) => code(i)).join(separator);
}

/** Component of row `r` in a vector of four rows. */
const row = (vector: string, r: number) =>
  `${vector}${Math.floor(r / 4)}[${r % 4}]`;

/** What an invocation keeps from tile to tile, and what a workgroup shares. */
const state = (rows: number) => `
${refuseNonFinite}

const LOWEST = -0x1.fffffep+127f;

${each(rows, (r) => `var<private> sum${r}: vec4<f32>;`)}
${
  each(rows / 4, (b) => `
var<private> top${b} = vec4<f32>(LOWEST);
var<private> weight${b}: vec4<f32>;`)
}

var<workgroup> parts: array<vec4<f32>, ${LANES * rows / 4}>;
var<workgroup> scores: array<vec4<f32>, ${TILE * rows / 4}>;
var<workgroup> tops: array<vec4<f32>, ${rows}>;

// Slots that a row sees; rows past the last are as the last.
fn visible(row: u32) -> u32 {
  let query = min(row, params.rows - 1u) / params.group;
  return params.cached - params.n + query + 1u;
}

fn headStart(row: u32, h: u32, offset: u32, stride: u32) -> u32 {
  let head = h * params.group + row % params.group;
  return offset / 4u + row / params.group * (stride / 4u) + head * params.quads;
}

fn queryStart(row: u32, h: u32) -> u32 {
  let last = min(row, params.rows - 1u);
  return headStart(last, h, params.q_offset, params.q_stride);
}
`;

/** Scores of a tile of slots, of rows from `first` on, lowest where unseen. */
const scores = (rows: number) => `
fn multiply(first: u32, h: u32, slot: u32, lane: u32) {
  let key = params.keys_offset / 4u + h * (params.keys_stride / 4u) +
    slot * params.quads;
  ${each(rows, (r) => `let q${r} = queryStart(first + ${r}u, h);`)}
  ${each(rows / 4, (b) => `var part${b} = vec4<f32>();`)}
  for (var c = lane % ${SHARE}u; c < params.quads; c += ${SHARE}u) {
    let k = keys[key + c];
    ${
  each(rows / 4, (b) => {
    const dots = each(4, (i) => `dot(q[q${4 * b + i} + c], k)`, ", ");
    return `part${b} += vec4<f32>(${dots});`;
  })
}
  }
  ${each(rows / 4, (b) => `parts[${LANES * b}u + lane] = part${b};`)}
}

fn score(first: u32, tile: u32, lane: u32) {
  workgroupBarrier();
  if (lane < ${TILE * rows / 4}u) {
    var sum = vec4<f32>();
    for (var i = 0u; i < ${SHARE}u; i++) { sum += parts[lane * ${SHARE}u + i]; }
    let slot = tile + lane % ${TILE}u;
    let row = first + lane / ${TILE}u * 4u;
    let end = vec4<u32>(
      visible(row), visible(row + 1u), visible(row + 2u), visible(row + 3u),
    );
    let seen = vec4<u32>(slot) < end;
    scores[lane] = select(vec4<f32>(LOWEST), sum * params.scale, seen);
  }
  workgroupBarrier();
}
`;

/** Makes scores weights relative to the largest so far, and old sums too. */
const softmax = (rows: number) => `
fn weigh(lane: u32) {
  if (lane < ${rows}u) {
    var highest = scores[lane * 8u];
    for (var i = 1u; i < 8u; i++) {
      highest = max(highest, scores[lane * 8u + i]);
    }
    tops[lane] = highest;
  }
  workgroupBarrier();
  ${
  each(rows / 4, (b) => `
  let old${b} = top${b};
  ${each(4, (i) => `top${b} = max(top${b}, tops[${4 * b + i}]);`)}
  let shrink${b} = exp(old${b} - top${b});
  weight${b} *= shrink${b};
  if (lane / ${TILE}u == ${b}u) {
    let score = scores[lane];
    let weight = exp(score - top${b});
    scores[lane] = select(weight, vec4<f32>(), score == vec4<f32>(LOWEST));
  }`)
}
  ${each(rows, (r) => `sum${r} *= ${row("shrink", r)};`)}
  workgroupBarrier();
}
`;

/** Adds the weighted values of a tile: an invocation those of every so manyth slot. */
const values = (rows: number) => `
fn addValues(h: u32, tile: u32, count: u32, lane: u32) {
  let value = params.values_offset / 4u + h * (params.values_stride / 4u) +
    tile * params.quads + lane % params.quads;
  let stride = slotParts();
  if (lane / params.quads >= stride) { return; }
  for (var slot = lane / params.quads; slot < count; slot += stride) {
    let v = values[value + slot * params.quads];
    ${
  each(rows / 4, (b) => `
    let p${b} = scores[${TILE * b}u + slot];
    weight${b} += p${b};`)
}
    ${each(rows, (r) => `sum${r} += ${row("p", r)} * v;`)}
  }
}

// Slots whose values are added at the same time.
fn slotParts() -> u32 { return min(${TILE}u, ${LANES}u / params.quads); }

// Sum of what invocations with the same channels have, in the first of them.
fn total(own: vec4<f32>, lane: u32) -> vec4<f32> {
  workgroupBarrier();
  parts[lane] = own;
  workgroupBarrier();
  var sum = vec4<f32>();
  for (var i = 0u; i < slotParts(); i++) {
    sum += parts[min(i * params.quads + lane, ${LANES - 1}u)];
  }
  return sum;
}
`;

const main = (rows: number) => `
fn checkQueries(first: u32, h: u32, lane: u32) {
  for (var i = lane; i < ${rows}u * params.quads; i += ${LANES}u) {
    let query = q[queryStart(first + i / params.quads, h) + i % params.quads];
    refuseNonFinite(bitcast<vec4<u32>>(query), params.code);
  }
}

fn store(
  row: u32, h: u32, split: u32, lane: u32,
  own: vec4<f32>, top: f32, weight: f32,
) {
  let sum = total(own, lane);
  if (lane >= params.quads || row >= params.rows) { return; }
  if (params.splits == 1u) {
    let start = headStart(row, h, params.out_offset, params.out_stride);
    out[start + lane] = sum / weight;
    return;
  }
  let start = ((h * params.rows + row) * params.splits + split) *
    (params.quads + 1u);
  partials[start + lane] = sum;
  if (lane == 0u) {
    partials[start + params.quads] = vec4<f32>(top, weight, 0.0, 0.0);
  }
}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let first = group.x * ${rows}u;
  let split = group.y;
  let h = group.z;
  if (split == 0u) { checkQueries(first, h, lane); }
  let start = split * params.span;
  let end = min(start + params.span, visible(first + ${rows - 1}u));
  for (var tile = start; tile < end; tile += ${TILE}u) {
    let slot = min(tile + lane / ${SHARE}u, end - 1u);
    multiply(first, h, slot, lane);
    score(first, tile, lane);
    weigh(lane);
    addValues(h, tile, min(${TILE}u, end - tile), lane);
  }
  ${each(rows / 4, (b) => `let all${b} = total(weight${b}, lane);`)}
  ${
  each(rows, (r) => {
    const vectors = `sum${r}, ${row("top", r)}, ${row("all", r)}`;
    return `store(first + ${r}u, h, split, lane, ${vectors});`;
  })
}
}
`;
