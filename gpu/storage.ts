import type { DType, MemoryStats, Tensor, WeightPart } from "../kernels/ops.ts";
import { storedBytes } from "../kernels/stored.ts";
import { pack, packedWords } from "../kernels/wgsl/pack.ts";
import { GpuBuffers } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import type { PipelineCache } from "./pipelines.ts";
import { GpuQueue, type GpuRange } from "./queue.ts";
import {
  type GpuMemory,
  GpuTensor,
  type GpuWeight,
  type GpuWeightPart,
} from "./tensor.ts";

/** Tensors and weights in GPU buffers. */
export class GpuStorage {
  /** What one binding can show of a buffer. */
  readonly maxTensorBytes: number;
  /** Where kernels are enqueued. */
  protected readonly queue: GpuQueue;
  readonly #made: GpuBuffers;
  #nextId = 0;
  #buffers = 0;
  #used = 0;

  constructor(gpu: Gpu, pipelines: PipelineCache) {
    this.#made = new GpuBuffers(gpu.device);
    this.maxTensorBytes = Math.min(
      gpu.maxBinding,
      gpu.device.limits.maxBufferSize,
    );
    this.queue = new GpuQueue(gpu, pipelines, this.#made);
  }

  /** Buffers that were made and not freed. */
  get buffers(): number {
    return this.#buffers;
  }

  /** See {@linkcode Backend.tensor}. */
  tensor(shape: readonly number[], dtype: DType = "f32"): GpuTensor {
    const size = shape.reduce((product, length) => product * length, 1);
    const memory = this.#allocate(size * 4);
    return new GpuTensor(dtype, memory, shape, size / shape[0]);
  }

  /** See {@linkcode Backend.slice}. */
  slice(tensor: Tensor, from: number, to: number): GpuTensor {
    const { dtype, memory, shape, stride, offset } = tensor as GpuTensor;
    const [n, _, ...inner] = shape;
    const size = inner.reduce((product, length) => product * length, 1);
    const start = offset + from * size;
    return new GpuTensor(
      dtype,
      memory,
      [n, to - from, ...inner],
      stride,
      start,
    );
  }

  /** See {@linkcode Backend.weight}. */
  weight(columns: number, parts: readonly WeightPart[]): GpuWeight {
    const placed: GpuWeightPart[] = [];
    let first = 0;
    for (const part of joined(parts)) {
      for (const rows of this.#runs(part, columns)) {
        const memory = this.tensor([packedWords(part.type, rows, columns)]);
        placed.push({ type: part.type, rows, first, memory });
        first += rows;
      }
    }
    const bytes = placed.reduce(
      (sum, { memory }) => sum + memory.memory.size,
      0,
    );
    return { rows: first, columns, parts: placed, bytes };
  }

  /** See {@linkcode Backend.load}. */
  load(weight: GpuWeight, row: number, bytes: Uint8Array): void {
    for (let at = 0; at < bytes.length;) {
      const part = weight.parts.findLast(({ first }) => row >= first)!;
      const rowBytes = storedBytes(part.type, [weight.columns]);
      const left = (bytes.length - at) / rowBytes;
      const rows = Math.min(left, part.first + part.rows - row);
      const run = bytes.subarray(at, at + rows * rowBytes);
      this.#loadRun(part, row - part.first, rows, weight.columns, run);
      row += rows;
      at += run.length;
    }
  }

  /** See {@linkcode Backend.write}. */
  write(tensor: GpuTensor, data: ArrayLike<number>): void {
    const Type = tensor.dtype === "f32" ? Float32Array : Int32Array;
    const numbers = data instanceof Type ? data : Type.from(data);
    const { memory, offset } = tensor;
    this.queue.write(memory, offset * 4, numbers as BufferSource);
  }

  /** See {@linkcode Backend.read}. */
  async read(
    tensor: GpuTensor,
    n: number = tensor.shape[0],
  ): Promise<Float32Array | Int32Array> {
    const { stride, width, dtype } = tensor;
    const range = rangeOf(tensor, (n - 1) * stride + width);
    const bytes = await this.readBytes(range);
    const Type = dtype === "f32" ? Float32Array : Int32Array;
    const all = new Type(bytes);
    if (stride === width) return all;
    const out = new Type(n * width);
    for (let i = 0; i < n; i++) {
      out.set(all.subarray(i * stride, i * stride + width), i * width);
    }
    return out;
  }

  /** Waits for a range of a buffer. */
  protected readBytes(range: GpuRange): Promise<ArrayBuffer> {
    return this.queue.read([range]);
  }

  /** See {@linkcode Backend.free}. */
  free(memory: GpuTensor | GpuWeight): void {
    if ("parts" in memory) {
      for (const part of memory.parts) this.free(part.memory);
      return;
    }
    memory.memory.buffer.destroy();
    this.queue.forgetGroups();
    this.#buffers--;
    this.#used -= memory.memory.size;
  }

  /** See {@linkcode Backend.memory}. */
  memory(): MemoryStats {
    const scratch = this.queue.scratchBytes;
    return { used: this.#used, scratch, reserved: this.#used + scratch };
  }

  #allocate(size: number): GpuMemory {
    if (size > this.maxTensorBytes) throw this.#tooLarge(size);
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC |
      GPUBufferUsage.COPY_DST;
    const rounded = Math.max(16, Math.ceil(size / 16) * 16);
    const buffer = this.#made.make({ size: rounded, usage });
    this.#buffers++;
    this.#used += rounded;
    return { id: this.#nextId++, buffer, size: rounded };
  }

  #tooLarge(size: number): RangeError {
    return new RangeError(
      `Cannot allocate ${size} bytes: a buffer of the GPU can have ` +
        `${this.maxTensorBytes}`,
    );
  }

  /** Rows of a part in runs that fit one binding, of whole 16 rows. */
  *#runs({ type, rows }: WeightPart, columns: number): Iterable<number> {
    const tile = packedWords(type, 16, columns) * 4;
    const most = Math.floor(this.maxTensorBytes / tile) * 16;
    if (most === 0) throw this.#tooLarge(tile);
    for (let left = rows; left > 0; left -= most) yield Math.min(left, most);
  }

  #loadRun(
    part: GpuWeightPart,
    row: number,
    rows: number,
    columns: number,
    bytes: Uint8Array,
  ): void {
    // Writes are of whole words; what follows the last row is never read.
    const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
    padded.set(bytes);
    const staging = this.tensor([padded.length / 4]);
    this.queue.write(staging.memory, 0, padded);
    pack(this.queue, part, staging, row, rows, columns);
    this.queue.submit();
    this.free(staging);
  }
}

/** The first `words` elements of a tensor, with the gaps of a slice. */
export function rangeOf(tensor: GpuTensor, words: number): GpuRange {
  const { memory, offset } = tensor;
  return { memory, offset: offset * 4, size: words * 4 };
}

/**
 * Neighbours of one type as one part: a product is then one dispatch. Rows of
 * the second must start a tile of 16.
 */
function joined(parts: readonly WeightPart[]): WeightPart[] {
  const result: WeightPart[] = [];
  for (const part of parts) {
    const last = result.at(-1);
    if (last?.type === part.type && last.rows % 16 === 0) {
      result[result.length - 1] = { ...last, rows: last.rows + part.rows };
    } else result.push(part);
  }
  return result;
}
