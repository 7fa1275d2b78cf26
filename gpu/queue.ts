import type { GpuBuffers } from "./buffers.ts";
import type { Gpu } from "./device.ts";
import { type GpuKernel, wholeParameters } from "./kernel.ts";
import type { PipelineCache } from "./pipelines.ts";
import { type GpuMemory, GpuTensor } from "./tensor.ts";
import { GpuTimer, type KernelTime } from "./timer.ts";

/** Bytes between the parameters of two dispatches. */
const SLOT = 256;
/** Dispatches that are recorded before they are submitted at the latest. */
const SLOTS = 1024;

/** Bytes of a buffer. */
export interface GpuRange {
  readonly memory: GpuMemory;
  readonly offset: number;
  readonly size: number;
}

/** What went to the GPU since the queue was made. */
export interface GpuCounts {
  /** Kernels started. */
  dispatches: number;
  /** Command buffers sent. */
  submits: number;
  /** Times the host waited for data. */
  readBacks: number;
  /** Bytes read back. */
  bytesRead: number;
  /** Bytes that dispatches read and wrote, see `GpuKernel.words`. */
  bytesMoved: number;
}

/**
 * Records dispatches and submits them together: nothing is sent before it is
 * needed, and only `read` waits.
 */
export class GpuQueue {
  readonly counts: GpuCounts = {
    dispatches: 0,
    submits: 0,
    readBacks: 0,
    bytesRead: 0,
    bytesMoved: 0,
  };
  /** For a tensor of a kernel that it does not use. */
  readonly unused: GpuTensor;
  readonly #device: GPUDevice;
  readonly #buffers: GpuBuffers;
  readonly #pipelines: PipelineCache;
  readonly #maxScratch: number;
  readonly #parameters: GPUBuffer;
  readonly #words = new Uint32Array(SLOT / 4 * SLOTS);
  readonly #floats = new Float32Array(this.#words.buffer);
  readonly #groups = new Map<string, GPUBindGroup>();
  readonly #timer: GpuTimer | undefined;
  #encoder: GPUCommandEncoder | undefined;
  #pass: GPUComputePassEncoder | undefined;
  #slot = 0;
  #scratch: GpuTensor | undefined;

  constructor(gpu: Gpu, pipelines: PipelineCache, buffers: GpuBuffers) {
    const { device, maxBinding, timestamps } = gpu;
    this.#device = device;
    this.#buffers = buffers;
    this.#timer = timestamps ? new GpuTimer(device, SLOTS) : undefined;
    this.#maxScratch = Math.min(maxBinding, device.limits.maxBufferSize);
    this.#pipelines = pipelines;
    this.#parameters = device.createBuffer({
      label: "parameters",
      size: SLOT * SLOTS,
      usage: GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST,
    });
    const usage = GPUBufferUsage.STORAGE;
    const buffer = device.createBuffer({ label: "unused", size: 16, usage });
    const memory = { id: -2, buffer, size: 16 };
    this.unused = new GpuTensor("f32", memory, [4], 1);
  }

  /**
   * Enqueues a kernel.
   *
   * @param tensors In the order of the kernel's.
   * @param u32 Whole numbers in the order of the kernel's.
   * @param groups Workgroups along x, y and z.
   */
  dispatch(
    kernel: GpuKernel,
    tensors: readonly GpuTensor[],
    u32: readonly number[],
    f32: readonly number[],
    [x, y = 1, z = 1]: readonly [number, number?, number?],
  ): void {
    if (this.#slot === SLOTS) this.submit();
    this.#writeParameters(kernel, tensors, u32, f32);
    const { pipeline, layout } = this.#pipelines.get(kernel);
    const pass = this.#openPass(kernel);
    pass.setPipeline(pipeline);
    const group = this.#groupOf(kernel, layout, tensors);
    pass.setBindGroup(0, group, [this.#slot * SLOT]);
    pass.dispatchWorkgroups(x, y, z);
    this.#slot++;
    this.counts.dispatches++;
    this.counts.bytesMoved += 4 * kernel.words(u32, [x, y, z]);
  }

  /**
   * Room for intermediate results of one op, at least `words` of 4 bytes; what
   * it holds is lost with the next op that asks.
   */
  scratch(words: number): GpuTensor {
    if (this.#scratch && this.#scratch.shape[0] >= words) return this.#scratch;
    this.submit();
    this.#scratch?.memory.buffer.destroy();
    this.forgetGroups();
    // A cache grows by a token at a time: twice as much makes growing rare.
    const twice = Math.min(2 * this.scratchBytes, this.#maxScratch);
    const size = Math.max(Math.ceil(words / 4) * 16, twice);
    const usage = GPUBufferUsage.STORAGE;
    const buffer = this.#buffers.make({ label: "scratch", size, usage });
    const memory = { id: -1, buffer, size };
    this.#scratch = new GpuTensor("f32", memory, [size / 4], 1);
    return this.#scratch;
  }

  /** Bytes of the room for intermediate results. */
  get scratchBytes(): number {
    return this.#scratch?.memory.size ?? 0;
  }

  /** Sends what was recorded. */
  submit(): void {
    if (!this.#encoder) return;
    this.#pass?.end();
    const submitted = this.#timer?.finish(this.#encoder);
    const used = this.#slot * SLOT;
    this.#device.queue.writeBuffer(
      this.#parameters,
      0,
      this.#words.buffer,
      0,
      used,
    );
    this.#device.queue.submit([this.#encoder.finish()]);
    submitted?.();
    this.#encoder = this.#pass = undefined;
    this.#slot = 0;
    this.counts.submits++;
  }

  /** Writes bytes after everything recorded so far. */
  write(memory: GpuMemory, offset: number, data: BufferSource): void {
    // The device's queue would put them before what is not submitted yet.
    this.submit();
    this.#device.queue.writeBuffer(memory.buffer, offset, data);
  }

  /**
   * Waits for what was recorded and gives the ranges' bytes, in one piece.
   *
   * @throws {GpuMemoryError} when there was no memory for a buffer made before.
   */
  async read(ranges: readonly GpuRange[]): Promise<ArrayBuffer> {
    const size = ranges.reduce((sum, range) => sum + range.size, 0);
    const staging = this.#device.createBuffer({
      label: "read-back",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    this.#copyTo(staging, ranges);
    this.submit();
    this.counts.readBacks++;
    this.counts.bytesRead += size;
    try {
      await this.#map(staging);
      return staging.getMappedRange().slice(0);
    } finally {
      staging.destroy();
    }
  }

  /** What kernels took since the last call; empty without timestamps. */
  async kernelTimes(): Promise<Map<string, KernelTime>> {
    return await this.#timer?.take() ?? new Map();
  }

  /** Forgets bind groups: some buffer of theirs is gone. */
  forgetGroups(): void {
    this.#groups.clear();
  }

  /** Frees the queue's own buffers. */
  dispose(): void {
    this.#parameters.destroy();
    this.unused.memory.buffer.destroy();
    this.#scratch?.memory.buffer.destroy();
    this.#timer?.dispose();
  }

  /** Want of memory is the cause of what else may have gone wrong. */
  async #map(staging: GPUBuffer): Promise<void> {
    const mapping = staging.mapAsync(GPUMapMode.READ);
    await Promise.allSettled([mapping]);
    await this.#buffers.check();
    await mapping;
  }

  #copyTo(target: GPUBuffer, ranges: readonly GpuRange[]): void {
    this.#pass?.end();
    this.#pass = undefined;
    const encoder = this.#encoder ??= this.#device.createCommandEncoder();
    let at = 0;
    for (const { memory, offset, size } of ranges) {
      encoder.copyBufferToBuffer(memory.buffer, offset, target, at, size);
      at += size;
    }
  }

  #openPass(kernel: GpuKernel): GPUComputePassEncoder {
    this.#encoder ??= this.#device.createCommandEncoder();
    if (!this.#timer) return this.#pass ??= this.#encoder.beginComputePass();
    this.#pass?.end();
    const timestampWrites = this.#timer.around(kernel.name);
    return this.#pass = this.#encoder.beginComputePass({ timestampWrites });
  }

  #writeParameters(
    kernel: GpuKernel,
    tensors: readonly GpuTensor[],
    u32: readonly number[],
    f32: readonly number[],
  ): void {
    let at = this.#slot * SLOT / 4;
    for (const { offset, stride, scales } of tensors) {
      this.#words[at++] = offset;
      this.#words[at++] = stride;
      this.#words[at++] = scales;
    }
    for (const value of u32) this.#words[at++] = value;
    for (const value of f32) this.#floats[at++] = value;
    const given = 3 * tensors.length + u32.length;
    if (
      given === wholeParameters(kernel).length &&
      f32.length === (kernel.f32?.length ?? 0)
    ) return;
    throw new TypeError(
      `Cannot run kernel ${kernel.name}: ${given} whole numbers and ` +
        `${f32.length} fractions were given, others are needed`,
    );
  }

  #groupOf(
    kernel: GpuKernel,
    layout: GPUBindGroupLayout,
    tensors: readonly GpuTensor[],
  ): GPUBindGroup {
    const key = `${kernel.name} ${tensors.map((t) => t.memory.id).join(" ")}`;
    const found = this.#groups.get(key);
    if (found) return found;
    const buffers: GPUBindGroupEntry[] = tensors.map(({ memory }, binding) => ({
      binding,
      resource: { buffer: memory.buffer },
    }));
    const parameters = { buffer: this.#parameters, size: SLOT };
    buffers.push({ binding: tensors.length, resource: parameters });
    const group = this.#device.createBindGroup({ layout, entries: buffers });
    this.#groups.set(key, group);
    return group;
  }
}
