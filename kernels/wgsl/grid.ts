/** Invocations in a workgroup of most kernels: what every GPU allows. */
export const LANES = 256;

/** Entries of a long row that one workgroup goes through. */
export const SPLIT = 2048;

/** Workgroups for one invocation per entry of `n` rows: x within a row, y rows. */
export function rowGroups(width: number, n: number): [number, number] {
  return [Math.ceil(width / LANES), n];
}
