import type { LayerCache, Tally } from "../kernels/layer_cache.ts";
import type { SelectionTensors } from "../kernels/selection.ts";
import type { DType, Tensor, Weight, WeightPart } from "../kernels/tensors.ts";

/** A GPU buffer with a number, by which bind groups are found again. */
export interface GpuMemory {
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
}

/** Bytes of an element. */
const BYTES = { f32: 4, i32: 4, f16: 2, int8: 1 } as const;

/**
 * A {@linkcode Tensor} in a GPU buffer: elements in order, little-endian, and
 * after all of them, for type `int8`, a float32 scale for each vector of the
 * last dimension.
 */
export class GpuTensor implements Tensor {
  /** Elements in one entry of the first dimension. */
  readonly width: number;

  /**
   * @param offset First element in `memory`.
   * @param shape Outermost first.
   * @param stride Elements from one entry of the first dimension to the next.
   * @param scales Word of 4 bytes in `memory` that is the first scale, if any.
   */
  constructor(
    readonly dtype: DType,
    readonly memory: GpuMemory,
    readonly shape: readonly number[],
    readonly stride: number,
    readonly offset = 0,
    readonly scales = 0,
  ) {
    this.width = elements(shape.slice(1));
  }

  /** Bytes of an element. */
  get elementBytes(): number {
    return BYTES[this.dtype];
  }

  /** Elements that share a scale; 0 where none do. */
  get scaled(): number {
    return this.dtype === "int8" ? this.shape.at(-1)! : 0;
  }

  /** A part of it, from element `from` on. */
  part(shape: readonly number[], from: number): GpuTensor {
    const { dtype, memory, stride, offset, scales, scaled } = this;
    const first = scaled ? scales + from / scaled : 0;
    return new GpuTensor(dtype, memory, shape, stride, offset + from, first);
  }
}

/** Elements of a tensor of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}

/** A {@linkcode LayerCache} in GPU buffers. */
export interface GpuCache extends LayerCache {
  readonly keys: GpuTensor;
  readonly values: GpuTensor;
  readonly positions: GpuTensor;
  readonly sums: GpuTensor | undefined;
}

/** A {@linkcode Tally} in GPU buffers. */
export interface GpuTally extends Tally {
  readonly sums: GpuTensor;
  readonly squares: GpuTensor | undefined;
}

/** {@linkcode SelectionTensors} in GPU buffers. */
export interface GpuSelection extends SelectionTensors {
  readonly scores: GpuTensor;
  readonly similarities: GpuTensor;
  readonly history: GpuTensor | undefined;
  readonly finalScores: GpuTensor;
  readonly kept: GpuTensor;
  readonly positions: GpuTensor;
  readonly order: GpuTensor;
}

/** Consecutive rows of one stored type in one buffer. */
export interface GpuWeightPart extends WeightPart {
  /** First row, within the weight. */
  readonly first: number;
  readonly memory: GpuTensor;
}

/** A {@linkcode Weight} in GPU buffers, none larger than a binding. */
export interface GpuWeight extends Weight {
  readonly parts: readonly GpuWeightPart[];
}
