/** Invocations in a workgroup of most kernels: what every GPU allows. */
export const LANES = 256;

/** Workgroups for one invocation per entry of `n` rows: x within a row, y rows. */
export function rowGroups(width: number, n: number): [number, number] {
  return [Math.ceil(width / LANES), n];
}
