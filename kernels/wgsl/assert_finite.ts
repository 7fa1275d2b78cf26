import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";

/**
 * One workgroup, so that nothing races for the flag. Bits are looked at, for
 * compilers may take floats for finite.
 */
export const assertFiniteKernel: GpuKernel = {
  name: "assertFinite",
  tensors: {
    a: read("u32"),
    b: read("u32"),
    c: read("u32"),
    flag: write("u32"),
  },
  u32: ["n", "a_width", "b_width", "c_width", "code"],
  code: () => `
// A bit for each tensor that has a NaN or an infinity.
var<workgroup> bad: atomic<u32>;

fn isBad(bits: u32) -> bool { return (bits & 0x7f800000u) == 0x7f800000u; }

@compute @workgroup_size(${LANES})
fn main(@builtin(local_invocation_index) lane: u32) {
  for (var i = 0u; i < params.n; i++) {
${["a", "b", "c"].map(checkRow).join("")}
  }
  workgroupBarrier();
  let found = atomicLoad(&bad);
  let at = params.flag_offset;
  if (lane == 0u && found != 0u && flag[at] == 0u) {
    flag[at] = params.code + firstTrailingBit(found);
  }
}
`,
};

const checkRow = (x: string, place: number) => `
    for (var j = lane; j < params.${x}_width; j += ${LANES}u) {
      if (isBad(${x}[params.${x}_offset + i * params.${x}_stride + j])) {
        atomicOr(&bad, ${1 << place}u);
      }
    }`;

/**
 * Looks for NaN and infinity in the first `n` entries of up to three tensors.
 *
 * @param flag Its first entry, `u32` and 0 before, becomes `code` plus the
 * place of the first tensor that has one, unless it was set already.
 * @param code At least 1.
 */
export function assertFinite(
  queue: GpuQueue,
  tensors: readonly GpuTensor[],
  flag: GpuTensor,
  n: number,
  code: number,
): void {
  const [a, b = a, c = b] = tensors;
  // What is bound twice is looked through once.
  const widths = [0, 1, 2].map((i) => tensors[i]?.width ?? 0);
  const numbers = [n, ...widths, code];
  queue.dispatch(assertFiniteKernel, [a, b, c, flag], numbers, [], [1]);
}
