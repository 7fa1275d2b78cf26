import type { GpuFeatures } from "../../gpu/device.ts";

/**
 * WGSL of `fn reduceSum(value: f32, lane: u32) -> f32`: the sum of the values
 * of a workgroup.
 *
 * @param size Invocations in the workgroup, a power of two. All of them call
 * it, in uniform control flow; `lane` is `local_invocation_index`.
 */
export function reduceSum(features: GpuFeatures, size: number): string {
  return reduction("reduceSum", "f32", "a + b", "subgroupAdd", features, size);
}

/** As {@linkcode reduceSum}: `reduceMax`, the largest of the values. */
export function reduceMax(features: GpuFeatures, size: number): string {
  const combined = "max(a, b)";
  return reduction("reduceMax", "f32", combined, "subgroupMax", features, size);
}

/** As {@linkcode reduceSum}: `reduceLowest`, the least of `u32` values. */
export function reduceLowest(features: GpuFeatures, size: number): string {
  const [name, combined] = ["reduceLowest", "min(a, b)"];
  return reduction(name, "u32", combined, "subgroupMin", features, size);
}

function reduction(
  name: string,
  type: "f32" | "u32",
  combined: string,
  subgroupOp: string,
  { subgroups }: GpuFeatures,
  size: number,
): string {
  const body = subgroups ? bySubgroups(name, subgroupOp, size) : byHalves;
  return `
var<workgroup> ${name}Partial: array<${type}, ${size}>;

fn ${name}Pair(a: ${type}, b: ${type}) -> ${type} { return ${combined}; }

fn ${name}(value: ${type}, lane: u32) -> ${type} {
${typeof body === "string" ? body : body(name, size)}
}
`;
}

const byHalves = (name: string, size: number) => `
  workgroupBarrier(); // Readers of an earlier result are done.
  ${name}Partial[lane] = value;
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      ${name}Partial[lane] =
        ${name}Pair(${name}Partial[lane], ${name}Partial[lane + half]);
    }
  }
  workgroupBarrier();
  return ${name}Partial[0];`;

/**
 * Takes for granted that a subgroup's lanes are consecutive, as on all GPUs
 * known; WGSL's `subgroup_id`, which would not need it, is too new to rely on.
 */
const bySubgroups = (name: string, subgroupOp: string, size: number) => `
  let members = subgroupAdd(1u);
  let first = subgroupMin(lane);
  let whole = ${subgroupOp}(value);
  workgroupBarrier(); // Readers of an earlier result are done.
  if (lane == first) { ${name}Partial[first / members] = whole; }
  workgroupBarrier();
  var all = ${name}Partial[0];
  for (var i = 1u; i < ${size}u / members; i++) {
    all = ${name}Pair(all, ${name}Partial[i]);
  }
  return all;`;
