import type { LayerCache, Tally } from "../layer_cache.ts";
import type { DType, Tensor } from "../tensors.ts";

/** A {@linkcode Tensor} in an array: the reference counts in float64. */
export class ArrayTensor implements Tensor {
  /**
   * @param data Numbers of this tensor and, for a slice, of others.
   * @param shape Outermost first.
   * @param stride Elements from one entry of the first dimension to the next.
   * @param offset Element of `data` that is the first of this tensor.
   * @param dtype Type as a backend would store it.
   */
  constructor(
    readonly data: Float64Array | Int32Array,
    readonly shape: readonly number[],
    readonly stride: number,
    readonly offset: number,
    readonly dtype: DType,
  ) {}

  /** Elements in one entry of the first dimension. */
  get width(): number {
    return this.shape.slice(1).reduce((product, size) => product * size, 1);
  }

  /** Entry `i` of the first dimension, in place. */
  row<T extends Float64Array | Int32Array = Float64Array>(i: number): T {
    const start = this.offset + i * this.stride;
    return this.data.subarray(start, start + this.width) as T;
  }
}

/** A {@linkcode LayerCache} whose tensors are arrays. */
export interface ArrayCache extends LayerCache {
  readonly keys: ArrayTensor;
  readonly values: ArrayTensor;
  readonly positions: ArrayTensor;
  readonly sums: ArrayTensor | undefined;
}

/** A {@linkcode Tally} whose tensors are arrays. */
export interface ArrayTally extends Tally {
  readonly sums: ArrayTensor;
  readonly squares: ArrayTensor | undefined;
}

/** Key or value of slot `slot`, a view of `[kvHeads, slots, headDim]`. */
export function vectorAt(
  tensor: ArrayTensor,
  head: number,
  slot: number,
): Float64Array {
  const headDim = tensor.shape[2];
  const start = tensor.offset + head * tensor.stride + slot * headDim;
  return tensor.data.subarray(start, start + headDim) as Float64Array;
}

/** Sum of the products of `a` and `b`. */
export function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i];
  return sum;
}
