import type { DType, MemoryStats, Tensor, WeightPart } from "../kernels/ops.ts";
import { storedBytes } from "../kernels/stored.ts";
import type { WasmKernels } from "./kernels.ts";
import { Arena } from "./memory.ts";
import {
  elements,
  packedBytes,
  typeCodes,
  WasmTensor,
  WasmWeight,
} from "./tensor.ts";

/** Tensors, weights and scratch in the memory of an instance of the kernels. */
export class WasmStorage {
  /** All that a 32-bit memory can address. */
  readonly maxTensorBytes: number = 2 ** 32;
  /** Nothing is ever enqueued. */
  readonly roundTrip: number = 0;
  /** The instance's kernels. */
  protected readonly kernels: WasmKernels;
  readonly #arena: Arena;
  #scratch = { pointer: 0, size: 0 };

  constructor(kernels: WasmKernels) {
    this.kernels = kernels;
    this.#arena = new Arena(kernels.memory);
  }

  /** See {@linkcode Backend.tensor}. */
  tensor(shape: readonly number[], dtype: DType = "f32"): WasmTensor {
    const pointer = this.#arena.allocate(elements(shape) * 4);
    return new WasmTensor(dtype, pointer, shape, elements(shape.slice(1)));
  }

  /** See {@linkcode Backend.slice}. */
  slice(tensor: Tensor, from: number, to: number): WasmTensor {
    const { dtype, pointer, shape, stride } = tensor as WasmTensor;
    const [n, _, ...inner] = shape;
    const start = pointer + from * elements(inner) * 4;
    return new WasmTensor(dtype, start, [n, to - from, ...inner], stride);
  }

  /** See {@linkcode Backend.weight}. */
  weight(columns: number, parts: readonly WeightPart[]): WasmWeight {
    const sizes = parts.map((part) => packedBytes(part, columns));
    const bytes = sizes.reduce((sum, size) => sum + size, 0);
    const start = this.#arena.allocate(bytes);
    let [first, pointer] = [0, start];
    const placed = parts.map(({ type, rows }, i) => {
      const part = { type, rows, first, pointer, code: typeCodes[type] };
      first += rows;
      pointer += sizes[i];
      return part;
    });
    return new WasmWeight(columns, placed, start, bytes);
  }

  /** See {@linkcode Backend.load}. */
  load(weight: WasmWeight, row: number, bytes: Uint8Array): void {
    const { code, pointer, first, type } = weight.partOf(row);
    const rows = bytes.length / storedBytes(type, [weight.columns]);
    const source = this.reserve(bytes.length);
    this.#arena.bytes.set(bytes, source);
    const { pack } = this.kernels;
    pack(code, source, pointer, row - first, rows, weight.columns);
  }

  /** See {@linkcode Backend.write}. */
  write(tensor: WasmTensor, data: ArrayLike<number>): void {
    this.#view(tensor).set(data, tensor.pointer >>> 2);
  }

  /** See {@linkcode Backend.read}. */
  read(
    tensor: WasmTensor,
    n: number = tensor.shape[0],
  ): Promise<Float32Array | Int32Array> {
    const { pointer, stride, width } = tensor;
    const view = this.#view(tensor);
    const first = pointer >>> 2;
    if (stride === width) {
      return Promise.resolve(view.slice(first, first + n * width));
    }
    const out = tensor.dtype === "f32"
      ? new Float32Array(n * width)
      : new Int32Array(n * width);
    for (let i = 0; i < n; i++) {
      const start = first + i * stride;
      out.set(view.subarray(start, start + width), i * width);
    }
    return Promise.resolve(out);
  }

  /** See {@linkcode Backend.free}. */
  free(memory: WasmTensor | WasmWeight): void {
    this.#arena.release(memory.pointer);
  }

  /** See {@linkcode Backend.memory}. */
  memory(): MemoryStats {
    const { used, reserved } = this.#arena;
    const scratch = this.#scratch.size;
    return { used: used - scratch, scratch, reserved };
  }

  /** The `i`-th of a tensor's integers. */
  protected integer(tensor: WasmTensor, i: number): number {
    return this.#arena.integers[(tensor.pointer >>> 2) + i];
  }

  /** The first entry of a tensor of fractions, in place. */
  protected numbers({ pointer, width }: WasmTensor): Float32Array {
    const first = pointer >>> 2;
    return this.#arena.floats.subarray(first, first + width);
  }

  #view({ dtype }: WasmTensor): Float32Array | Int32Array {
    return dtype === "f32" ? this.#arena.floats : this.#arena.integers;
  }

  /** Address of `size` bytes that last until the next call. */
  protected reserve(size: number): number {
    const { pointer, size: have } = this.#scratch;
    if (size <= have) return pointer;
    const before = this.#arena.used;
    const next = this.#arena.allocate(size);
    this.#scratch = { pointer: next, size: this.#arena.used - before };
    if (have) this.#arena.release(pointer);
    return next;
  }
}
