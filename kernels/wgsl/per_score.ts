import type { GpuBinding, GpuKernel } from "../../gpu/kernel.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";

/** A kernel that treats each score of each head on its own. */
export interface ScoreKernel {
  readonly name: string;
  /** Tensors `[kvHeads, slots]`. */
  readonly tensors: Readonly<Record<string, GpuBinding>>;
  /** Whole numbers besides `n`, the number of scores. */
  readonly u32?: readonly string[];
  readonly f32?: readonly string[];
  /** WGSL statements for score `r` of head `h`. */
  readonly body: string;
}

/** The kernel around the statements for one score. */
export function perScore({ u32 = [], body, ...rest }: ScoreKernel): GpuKernel {
  const code = `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let r = id.x;
  let h = id.y;
  if (r >= params.n) { return; }
  ${body}
}`;
  return { ...rest, u32: ["n", ...u32], code: () => code };
}

/** WGSL of entry `index` of head `h` in a tensor `[kvHeads, slots]`. */
export function entry(tensor: string, index = "r"): string {
  return `${tensor}[params.${tensor}_offset + h * params.${tensor}_stride + ${index}]`;
}

/** Workgroups for `n` scores of each head. */
export function scoreGroups(scores: GpuTensor, n: number): [number, number] {
  return [Math.ceil(n / LANES), scores.shape[0]];
}
