import type { Backend } from "../kernels/backend.ts";
import { notFinite } from "../kernels/reference/finite.ts";
import { add } from "../kernels/wgsl/add.ts";
import { addNorm } from "../kernels/wgsl/add_norm.ts";
import { append } from "../kernels/wgsl/append.ts";
import { argmax } from "../kernels/wgsl/argmax.ts";
import { attention } from "../kernels/wgsl/attention.ts";
import { compact } from "../kernels/wgsl/compact.ts";
import { copy } from "../kernels/wgsl/copy.ts";
import { embed } from "../kernels/wgsl/embed.ts";
import { keydiff } from "../kernels/wgsl/keydiff.ts";
import { linear } from "../kernels/wgsl/linear.ts";
import { gpuKernels } from "../kernels/wgsl/mod.ts";
import { order } from "../kernels/wgsl/order.ts";
import { random } from "../kernels/wgsl/random.ts";
import { recency } from "../kernels/wgsl/recency.ts";
import { redundancy } from "../kernels/wgsl/redundancy.ts";
import { reposition } from "../kernels/wgsl/reposition.ts";
import { rmsNorm } from "../kernels/wgsl/rms_norm.ts";
import { rope } from "../kernels/wgsl/rope.ts";
import { select } from "../kernels/wgsl/select.ts";
import { sample } from "../kernels/wgsl/sample.ts";
import { softmax } from "../kernels/wgsl/softmax.ts";
import { swiglu } from "../kernels/wgsl/swiglu.ts";
import { tallyScores } from "../kernels/wgsl/tally_scores.ts";
import { windowScores } from "../kernels/wgsl/window_scores.ts";
import { type Gpu, type GpuOptions, requestGpu } from "./device.ts";
import { DeviceLostError } from "./error.ts";
import { PipelineCache } from "./pipelines.ts";
import type { GpuCounts, GpuQueue, GpuRange } from "./queue.ts";
import { GpuStorage, rangeOf } from "./storage.ts";
import type { GpuCache, GpuTally, GpuTensor } from "./tensor.ts";
import type { KernelTime } from "./timer.ts";

/** The highest code, so that any other is lower. */
const NONE = -1;

/** A kernel's function once it has its queue. */
type Bound<F> = F extends (queue: GpuQueue, ...args: infer A) => void
  ? (...args: A) => void
  : never;

/**
 * Kernels on the GPU, through WebGPU. Calls are recorded and sent together;
 * only {@linkcode read} waits, and is where errors of earlier calls show.
 */
export class GpuBackend extends GpuStorage implements Backend {
  /** Adapter and variant: `webgpu (llvmpipe)`. */
  readonly name: string;
  /** See {@linkcode Backend.automatic}. */
  readonly automatic: boolean;
  /** The device itself, for those who share it. */
  readonly device: GPUDevice;
  /** What kernels refuse non-finite numbers in, since the last read. */
  readonly #checked: string[] = [];
  /** Place in `#checked` of the first that had one, `NONE` before. */
  readonly #flag: GpuTensor;
  #lost: DeviceLostError | undefined;
  #roundTrip = 0;

  // One property per kernel: those methods are the functions of kernels/wgsl.
  readonly add: Bound<typeof add> = add.bind(null, this.queue);
  readonly addNorm: Bound<typeof addNorm> = addNorm.bind(null, this.queue);
  readonly argmax: Bound<typeof argmax> = argmax.bind(null, this.queue);
  readonly compact: Bound<typeof compact> = compact.bind(null, this.queue);
  readonly copy: Bound<typeof copy> = copy.bind(null, this.queue);
  readonly embed: Bound<typeof embed> = embed.bind(null, this.queue);
  readonly keydiff: Bound<typeof keydiff> = keydiff.bind(null, this.queue);
  readonly linear: Bound<typeof linear> = linear.bind(null, this.queue);
  readonly order: Bound<typeof order> = order.bind(null, this.queue);
  readonly random: Bound<typeof random> = random.bind(null, this.queue);
  readonly recency: Bound<typeof recency> = recency.bind(null, this.queue);
  readonly redundancy: Bound<typeof redundancy> = redundancy.bind(
    null,
    this.queue,
  );
  readonly reposition: Bound<typeof reposition> = reposition.bind(
    null,
    this.queue,
  );
  readonly rmsNorm: Bound<typeof rmsNorm> = rmsNorm.bind(null, this.queue);
  readonly rope: Bound<typeof rope> = rope.bind(null, this.queue);
  readonly sample: Bound<typeof sample> = sample.bind(null, this.queue);
  readonly select: Bound<typeof select> = select.bind(null, this.queue);
  readonly softmax: Bound<typeof softmax> = softmax.bind(null, this.queue);
  readonly swiglu: Bound<typeof swiglu> = swiglu.bind(null, this.queue);
  readonly tallyScores: Bound<typeof tallyScores> = tallyScores.bind(
    null,
    this.queue,
  );
  readonly windowScores: Bound<typeof windowScores> = windowScores.bind(
    null,
    this.queue,
  );

  private constructor(gpu: Gpu, pipelines: PipelineCache) {
    super(gpu, pipelines);
    this.name = `webgpu (${gpu.description})`;
    this.device = gpu.device;
    this.automatic = gpu.automatic;
    this.#flag = this.tensor([1], "i32");
    this.write(this.#flag, [NONE]);
    gpu.device.lost.then(({ reason, message }) => {
      this.#lost = new DeviceLostError(
        `Cannot use the GPU: the device was lost (${reason}) ${message}`.trim(),
      );
    });
  }

  /**
   * Opens the machine's best adapter and compiles all kernels; `null` where
   * there is none.
   */
  static async open(options: GpuOptions = {}): Promise<GpuBackend | null> {
    const gpu = await requestGpu(options);
    if (!gpu) return null;
    const pipelines = new PipelineCache(gpu);
    await pipelines.prepare(gpuKernels.filter(({ late }) => !late));
    const backend = new GpuBackend(gpu, pipelines);
    await backend.#measure();
    return backend;
  }

  /** See {@linkcode Backend.roundTrip}; measured when it was opened. */
  get roundTrip(): number {
    return this.#roundTrip;
  }

  /** What went to the GPU so far. */
  get counts(): Readonly<GpuCounts> {
    return this.queue.counts;
  }

  /**
   * What each kernel took since the last call, by name; complete after a read.
   * Empty unless opened with `timestamps` on an adapter that can.
   */
  kernelTimes(): Promise<Map<string, KernelTime>> {
    return this.queue.kernelTimes();
  }

  /** Ends the device and frees everything on it. */
  [Symbol.dispose](): void {
    this.queue.dispose();
    this.device.destroy();
  }

  /** As `GpuStorage`'s, and what kernels found not finite until then. */
  protected override async readBytes(
    ranges: readonly GpuRange[],
  ): Promise<ArrayBuffer> {
    const names = this.#checked.splice(0);
    try {
      if (names.length === 0) return await super.readBytes(ranges);
      const bytes = await super.readBytes([
        ...ranges,
        rangeOf(this.#flag, 0, 1),
      ]);
      const size = bytes.byteLength - Int32Array.BYTES_PER_ELEMENT;
      const code = new Int32Array(bytes, size, 1)[0];
      if (code === NONE) return bytes.slice(0, size);
      this.write(this.#flag, [NONE]);
      throw notFinite(names[code]);
    } catch (error) {
      // The loss is known a turn after the read that it broke.
      await new Promise((resolve) => setTimeout(resolve, 0));
      throw this.#lost ?? error;
    }
  }

  /** The shortest of a few reads, as the first one has more to do. */
  async #measure(): Promise<void> {
    const times: number[] = [];
    for (let i = 0; i < 3; i++) {
      const start = performance.now();
      await this.read(this.#flag);
      times.push(performance.now() - start);
    }
    this.#roundTrip = Math.min(...times);
  }

  /** See {@linkcode Kernels.append}. */
  append(
    cache: GpuCache,
    k: GpuTensor,
    v: GpuTensor,
    n: number,
    at: number,
    position: number,
    names: readonly [k: string, v: string],
  ): void {
    const code = this.#checked.push(...names) - 2;
    const flag = this.#flag;
    append(this.queue, cache, k, v, n, at, position, flag, code);
  }

  /** See {@linkcode Kernels.attention}. */
  attention(
    q: GpuTensor,
    cache: GpuCache,
    out: GpuTensor,
    n: number,
    cached: number,
    name: string,
    tally?: GpuTally,
    tallied?: number,
  ): void {
    const code = this.#checked.push(name) - 1;
    const flag = this.#flag;
    attention(
      this.queue,
      ...[q, cache, out, n, cached, flag, code, tally, tallied] as const,
    );
  }
}
