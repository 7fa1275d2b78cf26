import { LANES } from "./grid.ts";

/**
 * WGSL of `scan(value: vec2<u32>, lane: u32) -> vec2<u32>`: sums of the values
 * of all invocations up to and with this one, of two counts at once. All
 * `LANES` invocations of the workgroup must call it.
 */
export const scan: string = `
var<workgroup> scanned: array<vec2<u32>, ${LANES}>;

fn scan(value: vec2<u32>, lane: u32) -> vec2<u32> {
  var sum = value;
  for (var step = 1u; step < ${LANES}u; step *= 2u) {
    scanned[lane] = sum;
    workgroupBarrier();
    if (lane >= step) { sum += scanned[lane - step]; }
    workgroupBarrier();
  }
  return sum;
}`;
