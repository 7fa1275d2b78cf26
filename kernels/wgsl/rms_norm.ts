import type { GpuFeatures } from "../../gpu/device.ts";
import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import { LANES } from "./grid.ts";
import { reduceSum } from "./reduce.ts";

/** A vector is read and written; all share the weight. */
const words: GpuKernel["words"] = ([width], [vectors, n]) =>
  width * (2 * vectors * n + 1);

/** Into another buffer. */
const apart: GpuKernel = {
  name: "rmsNorm",
  tensors: { x: read(), weight: read(), out: write() },
  u32: ["width"],
  f32: ["epsilon"],
  words,
  code: (features) => codeFor(features, "out"),
};

/** Within one buffer, which may be bound only once. */
const within: GpuKernel = {
  name: "rmsNorm within a buffer",
  tensors: { x: write(), weight: read() },
  u32: ["width", "out_offset", "out_stride"],
  f32: ["epsilon"],
  words,
  code: (features) => codeFor(features, "x"),
};

/** The kernels of {@linkcode rmsNorm}. */
export const rmsNormKernels: readonly GpuKernel[] = [apart, within];

/** One workgroup per vector; `out` is the binding that takes the result. */
const codeFor = (features: GpuFeatures, out: "out" | "x") => `
${reduceSum(features, LANES)}

@compute @workgroup_size(${LANES})
fn main(
  @builtin(workgroup_id) vector: vec3<u32>,
  @builtin(local_invocation_index) lane: u32,
) {
  let start = vector.x * params.width;
  let source = params.x_offset + vector.y * params.x_stride + start;
  let to = params.out_offset + vector.y * params.out_stride + start;
  var squares = 0.0;
  for (var c = lane; c < params.width; c += ${LANES}u) {
    squares += x[source + c] * x[source + c];
  }
  let mean = reduceSum(squares, lane) / f32(params.width);
  let scale = 1.0 / sqrt(mean + params.epsilon);
  for (var c = lane; c < params.width; c += ${LANES}u) {
    ${out}[to + c] = x[source + c] * scale * weight[params.weight_offset + c];
  }
}
`;

/** {@linkcode Kernels.rmsNorm}. */
export function rmsNorm(
  queue: GpuQueue,
  x: GpuTensor,
  weight: GpuTensor,
  out: GpuTensor,
  n: number,
  epsilon: number,
): void {
  const [width] = weight.shape;
  const groups: [number, number] = [x.width / width, n];
  if (x.memory !== out.memory) {
    queue.dispatch(apart, [x, weight, out], [width], [epsilon], groups);
  } else {
    const whole = [width, out.offset, out.stride];
    queue.dispatch(within, [x, weight], whole, [epsilon], groups);
  }
}
