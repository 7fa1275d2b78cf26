import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import { entry } from "./entry.ts";

/** Invocations of a workgroup: the most quads that a head has. */
export const SIZE = 64;

/** Parameters of both kernels. */
const sizes = ["rows", "group", "quads", "splits"];

/** What the splits of a head's rows left, and the rows themselves. */
function rowWords([rows, _group, quads, splits]: readonly number[]): number {
  return 4 * rows * (splits * (quads + 1) + quads);
}

/** WGSL of `mergeRow(h, row, lane)`, a workgroup's. */
const mergeRow = `
fn rowStart(h: u32, row: u32) -> u32 {
  return (h * params.rows + row) * params.splits * (params.quads + 1u);
}

// Largest score of a row over all splits, and the sum of weights.
fn totals(h: u32, row: u32) -> vec2<f32> {
  let at = rowStart(h, row) + params.quads;
  var all = partials[at].xy;
  for (var split = 1u; split < params.splits; split++) {
    let part = partials[at + split * (params.quads + 1u)].xy;
    let top = max(all.x, part.x);
    all = vec2<f32>(
      top, all.y * exp(all.x - top) + part.y * exp(part.x - top),
    );
  }
  return all;
}

fn mergeRow(h: u32, row: u32, lane: u32) {
  if (lane >= params.quads) { return; }
  let all = totals(h, row);
  var sum = vec4<f32>();
  for (var split = 0u; split < params.splits; split++) {
    let at = rowStart(h, row) + split * (params.quads + 1u);
    sum += exp(partials[at + params.quads].x - all.x) * partials[at + lane];
  }
  let head = h * params.group + row % params.group;
  let query = row / params.group * (params.out_stride / 4u);
  out[params.out_offset / 4u + query + head * params.quads + lane] =
    sum / all.y;
}`;

/** A workgroup merges the splits of one row. */
export const mergeKernel: GpuKernel = {
  name: "attention merge",
  tensors: { partials: read("vec4<f32>"), out: write("vec4<f32>") },
  u32: sizes,
  words: (u32, [_rows, kvHeads]) => kvHeads * rowWords(u32),
  code: () => `
${mergeRow}

@compute @workgroup_size(${SIZE})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  mergeRow(group.y, group.x, lane);
}`,
};

/**
 * The same, and after the rows a workgroup for each `SIZE` slots, which adds
 * what they get from all queries to the tally; one slot an invocation.
 */
export const mergeTallyKernel: GpuKernel = {
  name: "attention merge with tally",
  tensors: {
    partials: read("vec4<f32>"),
    out: write("vec4<f32>"),
    sums: write(),
    squares: write(),
  },
  u32: [
    ...sizes,
    ...["cached", "n", "scores", "before", "held", "averages", "deviates"],
  ],
  words: (u32, [_groups, kvHeads]) => {
    const [rows, _group, _quads, splits, cached] = u32;
    const [held, _averages, deviates] = u32.slice(8);
    const tally = (held + cached) * (1 + deviates);
    return kvHeads * (rowWords(u32) + rows * (2 * splits + cached) + tally);
  },
  code: () => `
${mergeRow}

var<workgroup> rowTotals: array<vec2<f32>, ${SIZE}>;

fn weightOf(h: u32, row: u32, slot: u32, all: vec2<f32>) -> f32 {
  let block = h * ((params.rows + 3u) / 4u) + row / 4u;
  let at = params.scores + block * params.cached + slot;
  return exp(partials[at][row % 4u] - all.x) / all.y;
}

struct Tally { count: f32, sum: f32, square: f32 }

// By Welford, as the deviation may be far below the mean.
fn include(tally: Tally, weight: f32) -> Tally {
  let old = select(weight, tally.sum / tally.count, tally.count > 0.0);
  let sum = tally.sum + weight;
  let away = (weight - old) * (weight - sum / (tally.count + 1.0));
  return Tally(tally.count + 1.0, sum, tally.square + away);
}

fn startOf(h: u32, slot: u32) -> Tally {
  var tally = Tally(f32(params.before), 0.0, 0.0);
  if (slot >= params.held) { return tally; }
  tally.sum = ${entry("sums", "slot")};
  if (params.deviates == 1u) { tally.square = ${entry("squares", "slot")}; }
  return tally;
}

fn addToTally(h: u32, slot: u32, lane: u32) {
  let heads = select(1.0, f32(params.group), params.averages == 1u);
  var tally = startOf(h, slot);
  var own = 0.0;
  for (var first = 0u; first < params.rows; first += ${SIZE}u) {
    workgroupBarrier();
    if (first + lane < params.rows) {
      rowTotals[lane] = totals(h, first + lane);
    }
    workgroupBarrier();
    for (var row = first; row < min(first + ${SIZE}u, params.rows); row++) {
      let query = row / params.group;
      if (slot <= params.cached - params.n + query) {
        let weight = weightOf(h, row, slot, rowTotals[row - first]);
        own = select(max(own, weight), own + weight, params.averages == 1u);
        if (row % params.group == params.group - 1u) {
          tally = include(tally, own / heads);
          own = 0.0;
        }
      } else if (row % params.group == params.group - 1u) {
        tally.count += 1.0;
      }
    }
  }
  if (slot >= params.cached) { return; }
  ${entry("sums", "slot")} = tally.sum;
  if (params.deviates == 1u) { ${entry("squares", "slot")} = tally.square; }
}

@compute @workgroup_size(${SIZE})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  if (group.x < params.rows) {
    mergeRow(group.y, group.x, lane);
  } else {
    addToTally(group.y, (group.x - params.rows) * ${SIZE}u + lane, lane);
  }
}`,
};
