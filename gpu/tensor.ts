import type {
  DType,
  LayerCache,
  SelectionTensors,
  Tensor,
  Weight,
  WeightPart,
} from "../kernels/ops.ts";

/** A GPU buffer with a number, by which bind groups are found again. */
export interface GpuMemory {
  readonly id: number;
  readonly buffer: GPUBuffer;
  /** Bytes. */
  readonly size: number;
}

/** A {@linkcode Tensor} in a GPU buffer. */
export class GpuTensor implements Tensor {
  /** Elements in one entry of the first dimension. */
  readonly width: number;

  /**
   * @param offset First element in `memory`.
   * @param shape Outermost first.
   * @param stride Elements from one entry of the first dimension to the next.
   */
  constructor(
    readonly dtype: DType,
    readonly memory: GpuMemory,
    readonly shape: readonly number[],
    readonly stride: number,
    readonly offset = 0,
  ) {
    this.width = shape.slice(1).reduce((product, size) => product * size, 1);
  }
}

/** A {@linkcode LayerCache} in GPU buffers. */
export interface GpuCache extends LayerCache {
  readonly keys: GpuTensor;
  readonly values: GpuTensor;
  readonly positions: GpuTensor;
}

/** {@linkcode SelectionTensors} in GPU buffers. */
export interface GpuSelection extends SelectionTensors {
  readonly scores: GpuTensor;
  readonly similarities: GpuTensor;
  readonly history: GpuTensor | undefined;
  readonly finalScores: GpuTensor;
  readonly kept: GpuTensor;
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
