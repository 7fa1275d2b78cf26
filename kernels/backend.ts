import type { Kernels } from "./ops.ts";
import type { DType, Tensor, Weight, WeightPart } from "./tensors.ts";

/** What a backend holds, in bytes. */
export interface MemoryStats {
  /** In tensors and weights that were not freed. */
  used: number;
  /** In intermediate results of kernels. */
  scratch: number;
  /** Obtained from the system so far. */
  reserved: number;
}

/**
 * Where kernels run and tensors live.
 *
 * Memory is explicit: what `tensor` and `weight` make stays until `free`.
 */
export interface Backend extends Kernels, Disposable {
  /** Which one it is, as figures show it: `wasm (relaxed-simd)`. */
  readonly name: string;

  /**
   * Whether it was chosen for want of a wish: a model that does not fit into
   * its memory goes to WebAssembly instead.
   */
  readonly automatic?: boolean;

  /** Bytes of the largest tensor that can be made. */
  readonly maxTensorBytes: number;

  /** Milliseconds that a read takes beyond the work: 0 on the CPU. */
  readonly roundTrip: number;

  /** Zeroed memory; rejects with a `RangeError` where there is not enough. */
  tensor(shape: readonly number[], dtype?: DType): Tensor;

  /**
   * Entries `from … to` of a tensor's second dimension, in the same memory:
   * `[n, to - from, …]`. Not to be freed.
   */
  slice(tensor: Tensor, from: number, to: number): Tensor;

  /** Entries `from … to` of the first dimension, in the same memory. Not to be freed. */
  rows(tensor: Tensor, from: number, to: number): Tensor;

  /** Room for a matrix, to be filled part by part with {@linkcode load}. */
  weight(columns: number, parts: readonly WeightPart[]): Weight;

  /**
   * Fills rows from `row` on with `bytes` in the stored form of their part.
   * A run starts at a multiple of 16 rows of its part and is a multiple of
   * 16 rows long, or ends the part.
   */
  load(weight: Weight, row: number, bytes: Uint8Array): void;

  /** Writes `data` to the start of a contiguous tensor. */
  write(tensor: Tensor, data: ArrayLike<number>): void;

  /**
   * Waits for what was enqueued and gives the first `n` entries of the first
   * dimension (all by default), in a new array.
   */
  read(tensor: Tensor, n?: number): Promise<Float32Array | Int32Array>;

  /**
   * As {@linkcode read}, at once; absent where what was enqueued must be
   * waited for.
   */
  peek?(tensor: Tensor, n?: number): Float32Array | Int32Array;

  /**
   * Bytes of the first `n` slots of each head of a tensor `[heads, slots, …]`,
   * whatever its type, the same on every backend: little-endian elements in
   * order, after those of type `int8` their scales.
   */
  save(tensor: Tensor, n: number): Promise<Uint8Array>;

  /** Puts back what {@linkcode save} gave for `n` slots. */
  restore(tensor: Tensor, n: number, bytes: Uint8Array): void;

  /** Gives memory back; using it afterwards is undefined. */
  free(memory: Tensor | Weight): void;

  /** What it holds now. */
  memory(): MemoryStats;
}
