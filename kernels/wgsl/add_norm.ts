import type { GpuFeatures } from "../../gpu/device.ts";
import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";
import { reduceSum } from "./reduce.ts";

/** The sum is written and the norm; `x`, `y` and the weight are read. */
const words: GpuKernel["words"] = ([width], [n]) => width * (4 * n + 1);

/** Into a third buffer. */
const apart: GpuKernel = {
  name: "addNorm",
  tensors: { x: write(), y: read(), weight: read(), out: write() },
  u32: ["width"],
  f32: ["epsilon"],
  words,
  code: (features) => codeFor(features, "out"),
};

/** Within the buffer of `y`, which may be bound only once. */
const within: GpuKernel = {
  name: "addNorm within a buffer",
  tensors: { x: write(), y: write(), weight: read() },
  u32: ["width", "out_offset", "out_stride"],
  f32: ["epsilon"],
  words,
  code: (features) => codeFor(features, "y"),
};

/** The kernels of {@linkcode addNorm}. */
export const addNormKernels: readonly GpuKernel[] = [apart, within];

/** One workgroup per row; `out` is the binding that takes the norm. */
const codeFor = (features: GpuFeatures, out: "out" | "y") => `
${reduceSum(features, LANES)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) group: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.x;
  let at = params.x_offset + row * params.x_stride;
  let summand = params.y_offset + row * params.y_stride;
  let to = params.out_offset + row * params.out_stride;
  var squares = 0.0;
  for (var c = lane; c < params.width; c += ${LANES}u) {
    let sum = x[at + c] + y[summand + c];
    x[at + c] = sum;
    squares += sum * sum;
  }
  let mean = reduceSum(squares, lane) / f32(params.width);
  let scale = 1.0 / sqrt(mean + params.epsilon);
  for (var c = lane; c < params.width; c += ${LANES}u) {
    ${out}[to + c] = x[at + c] * scale * weight[params.weight_offset + c];
  }
}
`;

/**
 * `x += y`, then `out = x / sqrt(mean(x²) + epsilon) · weight`: a residual sum
 * and the norm that follows it, in one dispatch.
 *
 * @param x `[n, width]`, in a buffer of its own.
 * @param y `[n, width]`.
 * @param weight `[width]`.
 * @param out `[n, width]`, may be `y`.
 */
export function addNorm(
  queue: GpuQueue,
  x: GpuTensor,
  y: GpuTensor,
  weight: GpuTensor,
  out: GpuTensor,
  n: number,
  epsilon: number,
): void {
  const { width } = x;
  if (y.memory !== out.memory) {
    queue.dispatch(apart, [x, y, weight, out], [width], [epsilon], [n]);
  } else {
    const whole = [width, out.offset, out.stride];
    queue.dispatch(within, [x, y, weight], whole, [epsilon], [n]);
  }
}
