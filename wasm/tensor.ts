import type { LayerCache, Tally } from "../kernels/layer_cache.ts";
import type { SelectionTensors } from "../kernels/selection.ts";
import type { DType, Tensor, Weight, WeightPart } from "../kernels/tensors.ts";
import { storedBytes, type StoredType } from "../kernels/stored.ts";

/** A {@linkcode Tensor} at an address of the WebAssembly memory. */
export class WasmTensor implements Tensor {
  /** Elements in one entry of the first dimension. */
  readonly width: number;
  /** Bytes of an element: how kernels are told the type of a cache. */
  readonly size: number;
  /** Bytes from one entry of the first dimension to the next. */
  readonly step: number;
  /** Bytes from the scales of one entry of the first dimension to the next's. */
  readonly scaleStep: number;

  /**
   * @param pointer Address of the first element; elements are in order.
   * @param shape Outermost first.
   * @param stride Elements from one entry of the first dimension to the next.
   * @param scales Address of the first scale, an f32 per vector of the last
   *   dimension; 0 where the type has none.
   */
  constructor(
    readonly dtype: DType,
    readonly pointer: number,
    readonly shape: readonly number[],
    readonly stride: number,
    readonly scales: number = 0,
  ) {
    this.width = elements(shape.slice(1));
    this.size = elementSizes[dtype];
    this.step = stride * this.size;
    this.scaleStep = stride / shape[shape.length - 1] * 4;
  }

  /** Address of entry `i` of the first dimension. */
  at(i: number): number {
    return this.pointer + i * this.step;
  }

  /** Address of its first scale, if the type has any. */
  scaleAt(i: number): number {
    return this.scales && this.scales + i * this.scaleStep;
  }
}

/** Bytes of an element of each type. */
export const elementSizes: Readonly<Record<DType, number>> = {
  f32: 4,
  i32: 4,
  f16: 2,
  int8: 1,
};

/** A {@linkcode LayerCache} in the WebAssembly memory. */
export interface WasmCache extends LayerCache {
  readonly keys: WasmTensor;
  readonly values: WasmTensor;
  readonly positions: WasmTensor;
  readonly sums: WasmTensor | undefined;
}

/** A {@linkcode Tally} in the WebAssembly memory. */
export interface WasmTally extends Tally {
  readonly sums: WasmTensor;
  readonly squares: WasmTensor | undefined;
}

/** {@linkcode SelectionTensors} in the WebAssembly memory. */
export interface WasmSelection extends SelectionTensors {
  readonly scores: WasmTensor;
  readonly similarities: WasmTensor;
  readonly history: WasmTensor | undefined;
  readonly positions: WasmTensor;
  readonly order: WasmTensor;
  readonly finalScores: WasmTensor;
  readonly kept: WasmTensor;
}

/** A {@linkcode Weight} in the packed order of `kernels/assembly/pack.ts`. */
export class WasmWeight implements Weight {
  readonly rows: number;

  /** @param pointer Address of the first part; the others follow. */
  constructor(
    readonly columns: number,
    readonly parts: readonly WasmPart[],
    readonly pointer: number,
    readonly bytes: number,
  ) {
    this.rows = parts.reduce((sum, part) => sum + part.rows, 0);
  }

  /** The part that row `row` is in. */
  partOf(row: number): WasmPart {
    return this.parts.findLast(({ first }) => row >= first)!;
  }
}

/** A part of a weight and where it lies. */
export interface WasmPart extends WeightPart {
  /** First row, within the weight. */
  readonly first: number;
  readonly pointer: number;
  /** Code of the stored type in kernels: ggml's. */
  readonly code: number;
}

/** ggml's number of a stored type, which kernels take. */
export const typeCodes: Readonly<Record<StoredType, number>> = {
  f32: 0,
  f16: 1,
  q4_0: 2,
  q4_1: 3,
  q8_0: 8,
  bf16: 30,
};

/** Packed bytes of a part: as many as stored, of rows padded to tiles of 16. */
export function packedBytes(
  { type, rows }: WeightPart,
  columns: number,
): number {
  return storedBytes(type, [Math.ceil(rows / 16) * 16, columns]);
}

/** Number of elements of a shape. */
export function elements(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}
