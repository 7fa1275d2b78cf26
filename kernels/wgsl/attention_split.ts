import type { GpuFeatures } from "../../gpu/device.ts";
import {
  type GpuBinding,
  type GpuKernel,
  read,
  write,
} from "../../gpu/kernel.ts";
import type { CacheType } from "../tensors.ts";
import {
  cacheBinding,
  cachePlaces,
  forTypes,
  readCache,
  vectorWords,
} from "./cache_types.ts";
import { refuseNonFinite } from "./finite.ts";
import { LANES } from "./grid.ts";
import { hadamard } from "./hadamard.ts";

/** Slots that are scored together. */
export const TILE = 32;
/** Invocations that share the product of a query and a key. */
const SHARE = LANES / TILE;

/**
 * Online softmax attention of rows over a split of the slots (flash-decoding),
 * for each type of keys and values.
 *
 * A row is a query of one of the heads that share a KV head; row `r` is head
 * `r % group` of query `r / group`. A workgroup takes `rows` of them, four to
 * a vector, which share the loads of keys and values; together they have at
 * most `LANES` quads. Where there is one split and no tally the result is
 * written to `out`, otherwise a partial one to `partials`: for each row and
 * split the weighted sum of values, largest score and weight. A tally also
 * gets all scores, four rows to a vector, from `scores` on.
 */
export function attentionSplitKernels(
  rows: 4 | 8,
): Readonly<Record<CacheType, GpuKernel>> {
  return forTypes((type) => ({
    name: `attention of ${rows} rows`,
    tensors: {
      q: read("vec4<f32>"),
      keys: bindingOf(type),
      values: bindingOf(type),
      out: write("vec4<f32>"),
      partials: write("vec4<f32>"),
      flag: write("atomic<u32>"),
    },
    u32: [
      ...["rows", "group", "quads", "cached", "n"],
      ...["splits", "span", "scores", "code"],
    ],
    f32: ["scale"],
    words: splitWords(type),
    code: (features) => {
      const numbers = numbersOf(type, features);
      return [
        state(rows, type, numbers),
        scores(rows, type, numbers),
        softmax(rows),
        values(rows, type, numbers),
        main(rows),
      ].join("\n");
    },
  }));
}

function bindingOf(type: CacheType): GpuBinding {
  return type === "f16" ? read("half4") : cacheBinding(type);
}

/** Queries, keys and values, a result for each split, and perhaps scores. */
const splitWords = (type: CacheType): GpuKernel["words"] =>
(
  [rows, _group, quads, cached, _n, splits, _span, scores],
  [_blocks, _splits, kvHeads],
) => {
  const results = splits > 1 || scores > 0 ? splits * (quads + 1) : quads;
  const noted = scores > 0 ? rows * cached : 0;
  const caches = 2 * cached * vectorWords(type, quads);
  return kvHeads * (4 * rows * (quads + results) + caches + noted);
};

/** How the products of weights and values are computed. */
interface Numbers {
  /** Type of a factor; sums are float32. */
  readonly factor: "f32" | "f16";
  /** Four factors, from what a function `PART(slot, h, quad)` reads. */
  readonly part: "Codes" | "Halves";
}

/**
 * Float16 ones where the GPU has them: weights are at most 1, and errors of
 * some 1e-5 less than that of storing values so. Those of queries and keys
 * stay float32: an exponential made errors of up to 1e-2 of theirs (heavy
 * tails, 200 tokens), more than twice as much as those of stored keys.
 */
function numbersOf(type: CacheType, { f16 }: GpuFeatures): Numbers {
  return type === "f16" && f16
    ? { factor: "f16", part: "Halves" }
    : { factor: "f32", part: "Codes" };
}

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

/** WGSL to read a tensor of `half4` where those are numbers. */
const readHalves = (name: string) => `
${cachePlaces(name, "f16")}

fn ${name}Halves(slot: u32, h: u32, quad: u32) -> vec4<f16> {
  return ${name}[${name}At(slot, h, quad)];
}`;

/** What an invocation keeps from tile to tile, and what a workgroup shares. */
const state = (rows: number, type: CacheType, { factor }: Numbers) => `
${refuseNonFinite}
${
  factor === "f16"
    ? readHalves("keys") + readHalves("values")
    : readCache(type, "keys", "values")
}

const LOWEST = -0x1.fffffep+127f;

${each(rows, (r) => `var<private> sum${r}: vec4<f32>;`)}
${
  each(rows / 4, (b) => `
var<private> top${b} = vec4<f32>(LOWEST);
var<private> weight${b}: vec4<f32>;`)
}

var<workgroup> queries: array<vec4<f32>, ${LANES}>;
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

${type === "int8" ? hadamard(LANES, "parts") : ""}

// The queries of all rows, scaled; a quad each. The first split checks them.
fn loadQueries(first: u32, h: u32, split: u32, lane: u32) {
  let row = min(first + lane / params.quads, params.rows - 1u);
  let start = headStart(row, h, params.q_offset, params.q_stride);
  var x = q[start + lane % params.quads];
  if (split == 0u && lane < ${rows}u * params.quads) {
    refuseNonFinite(bitcast<vec4<u32>>(x), params.code);
  }
  ${type === "int8" ? "x = hadamard(x, lane);" : ""}
  queries[lane] = x * params.scale;
  workgroupBarrier();
}
`;

/** Scores of a tile of slots, of rows from `first` on, lowest where unseen. */
const scores = (rows: number, type: CacheType, { part }: Numbers) => `
fn multiply(h: u32, slot: u32, lane: u32) {
  ${each(rows / 4, (b) => `var part${b} = vec4<f32>();`)}
  for (var c = lane % ${SHARE}u; c < params.quads; c += ${SHARE}u) {
    let k = vec4<f32>(keys${part}(slot, h, c));
    ${
  each(rows / 4, (b) => {
    const dots = each(4, (i) => {
      const query = `queries[${4 * b + i}u * params.quads + c]`;
      return `dot(${query}, k)`;
    }, ", ");
    return `part${b} += vec4<f32>(${dots});`;
  })
}
  }
  ${
  each(rows / 4, (b) => {
    const scaled = type === "int8" ? " * keysScale(slot, h)" : "";
    return `parts[${LANES * b}u + lane] = part${b}${scaled};`;
  })
}
}

fn score(first: u32, h: u32, tile: u32, lane: u32) {
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
    scores[lane] = select(vec4<f32>(LOWEST), sum, seen);
    if (params.scores > 0u && row < params.rows && slot < params.cached) {
      let block = h * ((params.rows + 3u) / 4u) + row / 4u;
      partials[params.scores + block * params.cached + slot] = sum;
    }
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
const values = (rows: number, type: CacheType, { factor, part }: Numbers) => `
fn addValues(h: u32, tile: u32, count: u32, lane: u32) {
  let stride = slotParts();
  if (lane / params.quads >= stride) { return; }
  for (var slot = lane / params.quads; slot < count; slot += stride) {
    let v = values${part}(tile + slot, h, lane % params.quads);
    ${
  each(rows / 4, (b) => {
    const scaled = type === "int8" ? " * valuesScale(tile + slot, h)" : "";
    return `
    let weights${b} = scores[${TILE * b}u + slot];
    weight${b} += weights${b};
    let p${b} = vec4<${factor}>(weights${b}${scaled});`;
  })
}
    ${each(rows, (r) => `sum${r} += vec4<f32>(${row("p", r)} * v);`)}
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
fn store(
  row: u32, h: u32, split: u32, lane: u32,
  own: vec4<f32>, top: f32, weight: f32,
) {
  let sum = total(own, lane);
  if (lane >= params.quads || row >= params.rows) { return; }
  if (params.splits == 1u && params.scores == 0u) {
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
  loadQueries(first, h, split, lane);
  let start = split * params.span;
  let end = min(start + params.span, visible(first + ${rows - 1}u));
  for (var tile = start; tile < end; tile += ${TILE}u) {
    let slot = min(tile + lane / ${SHARE}u, end - 1u);
    multiply(h, slot, lane);
    score(first, h, tile, lane);
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
