/** What a kernel took. */
export interface KernelTime {
  dispatches: number;
  /** Of all dispatches together. */
  microseconds: number;
}

/** Bytes of a timestamp: nanoseconds as a whole number. */
const TIMESTAMP = 8;

/**
 * Times dispatches, each in a pass of its own, which is slower than without:
 * for measuring only. Browsers round timestamps to 0.1 ms.
 */
export class GpuTimer {
  readonly #device: GPUDevice;
  readonly #queries: GPUQuerySet;
  readonly #resolved: GPUBuffer;
  /** Kernels that were dispatched since the last submit. */
  #names: string[] = [];
  #times = new Map<string, KernelTime>();
  #arriving: Promise<void>[] = [];

  /** @param most Dispatches of a submit. */
  constructor(device: GPUDevice, most: number) {
    this.#device = device;
    this.#queries = device.createQuerySet({
      type: "timestamp",
      count: 2 * most,
    });
    this.#resolved = device.createBuffer({
      label: "timestamps",
      size: 2 * most * TIMESTAMP,
      usage: GPUBufferUsage.QUERY_RESOLVE | GPUBufferUsage.COPY_SRC,
    });
  }

  /** What the pass of the next dispatch is made with. */
  around(kernel: string): GPUComputePassTimestampWrites {
    const begin = 2 * (this.#names.push(kernel) - 1);
    return {
      querySet: this.#queries,
      beginningOfPassWriteIndex: begin,
      endOfPassWriteIndex: begin + 1,
    };
  }

  /**
   * Records that the timestamps be read.
   *
   * @returns What is to be called after the submit.
   */
  finish(encoder: GPUCommandEncoder): () => void {
    const names = this.#names;
    this.#names = [];
    if (names.length === 0) return () => {};
    const count = 2 * names.length;
    const size = count * TIMESTAMP;
    const staging = this.#device.createBuffer({
      label: "timestamps read back",
      size,
      usage: GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST,
    });
    encoder.resolveQuerySet(this.#queries, 0, count, this.#resolved, 0);
    encoder.copyBufferToBuffer(this.#resolved, 0, staging, 0, size);
    return () => this.#arriving.push(this.#collect(staging, names));
  }

  /** What each kernel took since the last call, by name. */
  async take(): Promise<Map<string, KernelTime>> {
    await Promise.all(this.#arriving.splice(0));
    const times = this.#times;
    this.#times = new Map();
    return times;
  }

  /** Frees the timer's own buffers. */
  dispose(): void {
    this.#queries.destroy();
    this.#resolved.destroy();
  }

  async #collect(staging: GPUBuffer, names: string[]): Promise<void> {
    await staging.mapAsync(GPUMapMode.READ);
    const stamps = new BigUint64Array(staging.getMappedRange());
    names.forEach((name, i) => {
      const time = this.#times.get(name) ?? { dispatches: 0, microseconds: 0 };
      time.dispatches++;
      time.microseconds += Number(stamps[2 * i + 1] - stamps[2 * i]) / 1000;
      this.#times.set(name, time);
    });
    staging.destroy();
  }
}
