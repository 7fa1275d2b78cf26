import { GpuMemoryError } from "./error.ts";

/**
 * Makes a device's buffers. That there is no memory for one is known only
 * later, so that it is told by {@linkcode check}.
 */
export class GpuBuffers {
  readonly #device: GPUDevice;
  /** Settled when it is known of all buffers whether there was memory. */
  #known: Promise<void> = Promise.resolve();
  #refused: GpuMemoryError | undefined;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** A buffer, which is of no use if there is no memory for it. */
  make(descriptor: GPUBufferDescriptor): GPUBuffer {
    this.#device.pushErrorScope("out-of-memory");
    const buffer = this.#device.createBuffer(descriptor);
    // A device that is lost gives no answer: that error is for others to tell.
    const answer = this.#device.popErrorScope().catch(() => null);
    const before = this.#known;
    this.#known = answer.then((error) => {
      if (error) this.#refused ??= outOfMemory(descriptor.size);
      return before;
    });
    return buffer;
  }

  /**
   * Waits until it is known of all buffers whether there was memory.
   *
   * @throws {GpuMemoryError} the first time after there was none for a buffer.
   */
  async check(): Promise<void> {
    await this.#known;
    const refused = this.#refused;
    this.#refused = undefined;
    if (refused) throw refused;
  }
}

function outOfMemory(bytes: number): GpuMemoryError {
  return new GpuMemoryError(
    `Cannot allocate ${bytes} bytes: the GPU has not so much memory left, ` +
      `a smaller model or budget is needed`,
  );
}
