import type { MemoryStats } from "../kernels/backend.ts";
import type { DType, Tensor, WeightPart } from "../kernels/tensors.ts";
import { storedBytes } from "../kernels/stored.ts";
import type { WasmKernels } from "./kernels.ts";
import { Arena } from "./memory.ts";
import {
  elements,
  elementSizes,
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
    const bytes = elements(shape) * elementSizes[dtype];
    const scales = dtype === "int8" ? elements(shape.slice(0, -1)) * 4 : 0;
    const start = Math.ceil(bytes / 4) * 4;
    const pointer = this.#arena.allocate(start + scales);
    const stride = elements(shape.slice(1));
    const behind = scales ? pointer + start : 0;
    return new WasmTensor(dtype, pointer, shape, stride, behind);
  }

  /** See {@linkcode Backend.slice}. */
  slice(tensor: Tensor, from: number, to: number): WasmTensor {
    const { shape: [n, _, ...inner] } = tensor;
    const shape = [n, to - from, ...inner];
    return part(tensor as WasmTensor, from * elements(inner), shape);
  }

  /** See {@linkcode Backend.rows}. */
  rows(tensor: Tensor, from: number, to: number): WasmTensor {
    const { shape: [_, ...inner], stride } = tensor;
    return part(tensor as WasmTensor, from * stride, [to - from, ...inner]);
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
  read(tensor: WasmTensor, n?: number): Promise<Float32Array | Int32Array> {
    return Promise.resolve(this.peek(tensor, n));
  }

  /** See {@linkcode Backend.peek}. */
  peek(
    tensor: WasmTensor,
    n: number = tensor.shape[0],
  ): Float32Array | Int32Array {
    const { dtype, pointer, stride, width } = tensor;
    const view = this.#view(tensor);
    const first = pointer >>> 2;
    if (stride === width) return view.slice(first, first + n * width);
    const Type = dtype === "f32" ? Float32Array : Int32Array;
    const out = new Type(n * width);
    for (let i = 0; i < n; i++) {
      const start = first + i * stride;
      out.set(view.subarray(start, start + width), i * width);
    }
    return out;
  }

  /** See {@linkcode Backend.save}. */
  save(tensor: WasmTensor, n: number): Promise<Uint8Array> {
    const runs = this.#runs(tensor, n);
    const size = runs.reduce((sum, { length }) => sum + length, 0);
    const out = new Uint8Array(size);
    let at = 0;
    for (const run of runs) {
      out.set(run, at);
      at += run.length;
    }
    return Promise.resolve(out);
  }

  /** See {@linkcode Backend.restore}. */
  restore(tensor: WasmTensor, n: number, bytes: Uint8Array): void {
    let at = 0;
    for (const run of this.#runs(tensor, n)) {
      run.set(bytes.subarray(at, at + run.length));
      at += run.length;
    }
  }

  /** The first `n` slots of each head, then their scales, in place. */
  #runs(tensor: WasmTensor, n: number): Uint8Array[] {
    const { shape: [heads, slots], width, size, scales } = tensor;
    const { bytes } = this.#arena;
    const all = Array.from({ length: heads }, (_, h) => h);
    const length = n * width / slots * size;
    const run = (start: number, length: number) =>
      bytes.subarray(start, start + length);
    return [
      ...all.map((h) => run(tensor.at(h), length)),
      ...scales ? all.map((h) => run(tensor.scaleAt(h), n * 4)) : [],
    ];
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

/** Part of a tensor that starts `offset` elements after it. */
function part(
  { dtype, pointer, size, stride, scales, shape: [...whole] }: WasmTensor,
  offset: number,
  shape: readonly number[],
): WasmTensor {
  const start = pointer + offset * size;
  const vectors = offset / whole[whole.length - 1];
  return new WasmTensor(
    dtype,
    start,
    shape,
    stride,
    scales && scales + vectors * 4,
  );
}
