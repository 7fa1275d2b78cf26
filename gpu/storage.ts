import { vectorBytes } from "../kernels/cache_bytes.ts";
import type { MemoryStats } from "../kernels/backend.ts";
import type { DType, Tensor, WeightPart } from "../kernels/tensors.ts";
import { storedBytes } from "../kernels/stored.ts";
import { pack, packedWords } from "../kernels/wgsl/pack.ts";
import { GpuBuffers } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import { GpuMemoryError } from "./error.ts";
import type { PipelineCache } from "./pipelines.ts";
import { GpuQueue, type GpuRange } from "./queue.ts";
import {
  elements,
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
    const size = elements(shape);
    const width = shape.at(-1)!;
    const bytes = dtype === "i32"
      ? 4 * size
      : size / width * vectorBytes(dtype, width);
    const memory = this.#allocate(bytes);
    const scales = dtype === "int8" ? size / 4 : 0;
    return new GpuTensor(dtype, memory, shape, size / shape[0], 0, scales);
  }

  /** See {@linkcode Backend.slice}. */
  slice(tensor: Tensor, from: number, to: number): GpuTensor {
    const whole = tensor as GpuTensor;
    const [n, _, ...inner] = whole.shape;
    return whole.part([n, to - from, ...inner], from * elements(inner));
  }

  /** See {@linkcode Backend.rows}. */
  rows(tensor: Tensor, from: number, to: number): GpuTensor {
    const whole = tensor as GpuTensor;
    const shape = [to - from, ...whole.shape.slice(1)];
    return whole.part(shape, from * whole.stride);
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
    const range = rangeOf(tensor, 0, (n - 1) * stride + width);
    const bytes = await this.readBytes([range]);
    const Type = dtype === "f32" ? Float32Array : Int32Array;
    const all = new Type(bytes);
    if (stride === width) return all;
    const out = new Type(n * width);
    for (let i = 0; i < n; i++) {
      out.set(all.subarray(i * stride, i * stride + width), i * width);
    }
    return out;
  }

  /** See {@linkcode Backend.save}. */
  async save(tensor: GpuTensor, n: number): Promise<Uint8Array> {
    if (n === 0) return new Uint8Array();
    return new Uint8Array(await this.readBytes(slotRanges(tensor, n)));
  }

  /** See {@linkcode Backend.restore}. */
  restore(tensor: GpuTensor, n: number, bytes: Uint8Array): void {
    let at = 0;
    for (const { memory, offset, size } of slotRanges(tensor, n)) {
      const part = bytes.subarray(at, at + size);
      this.queue.write(memory, offset, part as BufferSource);
      at += size;
    }
  }

  /** Waits for ranges of buffers, which it gives in one piece. */
  protected readBytes(ranges: readonly GpuRange[]): Promise<ArrayBuffer> {
    return this.queue.read(ranges);
  }

  /** See {@linkcode Backend.free}. */
  free(memory: GpuTensor | GpuWeight): void {
    if ("parts" in memory) {
      for (const part of memory.parts) this.free(part.memory);
      return;
    }
    // What was recorded may use it, and is refused when its buffer is gone.
    this.queue.submit();
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

  #tooLarge(size: number): GpuMemoryError {
    return new GpuMemoryError(
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

/** `count` elements of a tensor's memory, from its own element `from` on. */
export function rangeOf(
  { memory, offset, elementBytes }: GpuTensor,
  from: number,
  count: number,
): GpuRange {
  const start = (offset + from) * elementBytes;
  return { memory, offset: start, size: count * elementBytes };
}

/** The first `n` slots of each head, and after all of them their scales. */
function slotRanges(tensor: GpuTensor, n: number): GpuRange[] {
  const { memory, shape: [heads, slots], width, stride, scaled } = tensor;
  const each = (range: (h: number) => GpuRange) =>
    Array.from({ length: heads }, (_, h) => range(h));
  const size = n * width / slots;
  const data = each((h) => rangeOf(tensor, h * stride, size));
  if (!scaled) return data;
  const scales = (h: number) => 4 * (tensor.scales + h * stride / scaled);
  const bytes = 4 * size / scaled;
  return [
    ...data,
    ...each((h) => ({ memory, offset: scales(h), size: bytes })),
  ];
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
