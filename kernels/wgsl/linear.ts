import type { GpuKernel } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor, GpuWeight } from "../../gpu/tensor.ts";
import type { StoredType } from "../stored.ts";
import {
  linearMatrixKernel,
  MATRIX_INPUTS,
  MATRIX_ROWS,
} from "./linear_matrix.ts";
import { linearVectorKernel } from "./linear_vector.ts";
import { ofStoredTypes, TILE_ROWS } from "./packed.ts";

const vector: Record<StoredType, GpuKernel> = ofStoredTypes(linearVectorKernel);
const matrix: Record<StoredType, GpuKernel> = ofStoredTypes(linearMatrixKernel);

/** The kernels of {@linkcode linear}: one input and several, by stored type. */
export const linearKernels: readonly GpuKernel[] = [
  ...Object.values(vector),
  ...Object.values(matrix),
];

/** {@linkcode Kernels.linear}, a dispatch per part of the weight. */
export function linear(
  queue: GpuQueue,
  x: GpuTensor,
  weight: GpuWeight,
  out: GpuTensor,
  n: number,
): void {
  const { columns, parts } = weight;
  for (const { type, rows, first, memory } of parts) {
    const tensors = [x, memory, out];
    const place = [columns, rows, first];
    if (n === 1) {
      const groups = Math.ceil(rows / TILE_ROWS);
      queue.dispatch(vector[type], tensors, place, [], [groups]);
    } else {
      queue.dispatch(matrix[type], tensors, [...place, n], [], [
        Math.ceil(rows / MATRIX_ROWS),
        Math.ceil(n / MATRIX_INPUTS),
      ]);
    }
  }
}
