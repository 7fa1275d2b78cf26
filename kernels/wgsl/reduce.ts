import type { GpuFeatures } from "../../gpu/device.ts";

/**
 * WGSL of `reduceSum(value: f32, lane: u32) -> f32`: the sum over a workgroup
 * of `size` invocations (a power of two), in every one of them. `lane` is the
 * local index; all invocations must call it.
 */
export function reduceSum(features: GpuFeatures, size: number): string {
  return reduction(features, size, {
    name: "reduceSum",
    type: "f32",
    start: "0.0",
    combine: (a, b) => `${a} + ${b}`,
    subgroup: "subgroupAdd",
  });
}

/** WGSL of `reduceMax(value: f32, lane: u32) -> f32`, as {@linkcode reduceSum}. */
export function reduceMax(features: GpuFeatures, size: number): string {
  return reduction(features, size, {
    name: "reduceMax",
    type: "f32",
    // WGSL has no infinity; a part counts as often as one likes.
    start: "part",
    combine: (a, b) => `max(${a}, ${b})`,
    subgroup: "subgroupMax",
  });
}

/** WGSL of `reduceLowest(value: u32, lane: u32) -> u32`, as {@linkcode reduceSum}. */
export function reduceLowest(features: GpuFeatures, size: number): string {
  return reduction(features, size, {
    name: "reduceLowest",
    type: "u32",
    start: "part",
    combine: (a, b) => `min(${a}, ${b})`,
    subgroup: "subgroupMin",
  });
}

interface Reduction {
  name: string;
  /** WGSL type of the values. */
  type: "f32" | "u32";
  /** What a lane combines other subgroups' parts with; `part` is its own's. */
  start: string;
  combine: (a: string, b: string) => string;
  /** Built-in function that does it within a subgroup. */
  subgroup: string;
}

function reduction(
  { subgroups }: GpuFeatures,
  size: number,
  reduction: Reduction,
): string {
  return subgroups ? twoSteps(size, reduction) : halving(size, reduction);
}

/** Every subgroup reduces its own values, then the results of all. */
function twoSteps(
  size: number,
  { name, type, start, combine, subgroup }: Reduction,
): string {
  return `
var<workgroup> ${name}Parts: array<${type}, ${size}>;

fn ${name}(value: ${type}, lane: u32) -> ${type} {
  let width = subgroupAdd(1u);
  let part = ${subgroup}(value);
  if (lane % width == 0u) { ${name}Parts[lane / width] = part; }
  workgroupBarrier();
  var rest = ${start};
  for (var i = lane % width; i < ${size}u / width; i += width) {
    rest = ${combine("rest", `${name}Parts[i]`)};
  }
  // The next call must not write what is still being read.
  workgroupBarrier();
  return ${subgroup}(rest);
}`;
}

/** Half of the invocations add the values of the other half, and so on. */
function halving(size: number, { name, type, combine }: Reduction): string {
  const parts = `${name}Parts`;
  return `
var<workgroup> ${parts}: array<${type}, ${size}>;

fn ${name}(value: ${type}, lane: u32) -> ${type} {
  ${parts}[lane] = value;
  for (var half = ${size / 2}u; half > 0u; half /= 2u) {
    workgroupBarrier();
    if (lane < half) {
      ${parts}[lane] = ${combine(`${parts}[lane]`, `${parts}[lane + half]`)};
    }
  }
  return workgroupUniformLoad(&${parts}[0]);
}`;
}
