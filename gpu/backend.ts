import type {
  Backend,
  Sampling,
  SelectionCounts,
  SelectionRule,
} from "../kernels/ops.ts";
import { notFinite } from "../kernels/reference/finite.ts";
import { add } from "../kernels/wgsl/add.ts";
import { addNorm } from "../kernels/wgsl/add_norm.ts";
import { append } from "../kernels/wgsl/append.ts";
import { argmax } from "../kernels/wgsl/argmax.ts";
import { attention } from "../kernels/wgsl/attention.ts";
import { compact } from "../kernels/wgsl/compact.ts";
import { copy } from "../kernels/wgsl/copy.ts";
import { embed } from "../kernels/wgsl/embed.ts";
import { linear } from "../kernels/wgsl/linear.ts";
import { gpuKernels } from "../kernels/wgsl/mod.ts";
import { order } from "../kernels/wgsl/order.ts";
import { recency } from "../kernels/wgsl/recency.ts";
import { redundancy } from "../kernels/wgsl/redundancy.ts";
import { rmsNorm } from "../kernels/wgsl/rms_norm.ts";
import { rope } from "../kernels/wgsl/rope.ts";
import { select } from "../kernels/wgsl/select.ts";
import { sample } from "../kernels/wgsl/sample.ts";
import { softmax } from "../kernels/wgsl/softmax.ts";
import { swiglu } from "../kernels/wgsl/swiglu.ts";
import { windowScores } from "../kernels/wgsl/window_scores.ts";
import { type Gpu, type GpuOptions, requestGpu } from "./device.ts";
import { DeviceLostError } from "./error.ts";
import { PipelineCache } from "./pipelines.ts";
import type { GpuCounts, GpuRange } from "./queue.ts";
import { GpuStorage, rangeOf } from "./storage.ts";
import type { GpuCache, GpuSelection, GpuTensor, GpuWeight } from "./tensor.ts";
import type { KernelTime } from "./timer.ts";

/** The highest code, so that any other is lower. */
const NONE = -1;

/**
 * Kernels on the GPU, through WebGPU. Calls are recorded and sent together;
 * only {@linkcode read} waits, and is where errors of earlier calls show.
 */
export class GpuBackend extends GpuStorage implements Backend {
  /** Adapter and variant: `webgpu (llvmpipe)`. */
  readonly name: string;
  /** The device itself, for those who share it. */
  readonly device: GPUDevice;
  /** What kernels refuse non-finite numbers in, since the last read. */
  readonly #checked: string[] = [];
  /** Place in `#checked` of the first that had one, `NONE` before. */
  readonly #flag: GpuTensor;
  #lost: DeviceLostError | undefined;
  #roundTrip = 0;

  private constructor(gpu: Gpu, pipelines: PipelineCache) {
    super(gpu, pipelines);
    this.name = `webgpu (${gpu.description})`;
    this.device = gpu.device;
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
    await pipelines.prepare(gpuKernels);
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
  protected override async readBytes(range: GpuRange): Promise<ArrayBuffer> {
    const names = this.#checked.splice(0);
    try {
      if (names.length === 0) return await super.readBytes(range);
      const bytes = await this.queue.read([range, rangeOf(this.#flag, 1)]);
      const code = new Int32Array(bytes, range.size, 1)[0];
      if (code === NONE) return bytes.slice(0, range.size);
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

  /** See {@linkcode Kernels.embed}. */
  embed(table: GpuWeight, ids: GpuTensor, out: GpuTensor, n: number): void {
    embed(this.queue, table, ids, out, n);
  }

  /** See {@linkcode Kernels.linear}. */
  linear(x: GpuTensor, weight: GpuWeight, out: GpuTensor, n: number): void {
    linear(this.queue, x, weight, out, n);
  }

  /** See {@linkcode Kernels.rmsNorm}. */
  rmsNorm(
    x: GpuTensor,
    weight: GpuTensor,
    out: GpuTensor,
    n: number,
    epsilon: number,
  ): void {
    rmsNorm(this.queue, x, weight, out, n, epsilon);
  }

  /** See {@linkcode Kernels.addNorm}. */
  addNorm(
    x: GpuTensor,
    y: GpuTensor,
    weight: GpuTensor,
    out: GpuTensor,
    n: number,
    epsilon: number,
  ): void {
    addNorm(this.queue, x, y, weight, out, n, epsilon);
  }

  /** See {@linkcode Kernels.rope}. */
  rope(
    x: GpuTensor,
    angles: GpuTensor,
    n: number,
    pairing: "adjacent" | "halves",
  ): void {
    rope(this.queue, x, angles, n, pairing);
  }

  /** See {@linkcode Kernels.swiglu}. */
  swiglu(gateUp: GpuTensor, out: GpuTensor, n: number): void {
    swiglu(this.queue, gateUp, out, n);
  }

  /** See {@linkcode Kernels.add}. */
  add(x: GpuTensor, y: GpuTensor, n: number): void {
    add(this.queue, x, y, n);
  }

  /** See {@linkcode Kernels.copy}. */
  copy(
    source: GpuTensor,
    from: number,
    target: GpuTensor,
    to: number,
    n: number,
  ): void {
    copy(this.queue, source, from, target, to, n);
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
  ): void {
    const code = this.#checked.push(name) - 1;
    attention(this.queue, q, cache, out, n, cached, this.#flag, code);
  }

  /** See {@linkcode Kernels.order}. */
  order(cache: GpuCache, out: GpuTensor, n: number): void {
    order(this.queue, cache, out, n);
  }

  /** See {@linkcode Kernels.windowScores}. */
  windowScores(
    queries: GpuTensor,
    oldest: number,
    window: number,
    cache: GpuCache,
    ranks: GpuTensor,
    scores: GpuTensor,
    n: number,
    shift: number,
  ): void {
    windowScores(
      this.queue,
      queries,
      oldest,
      window,
      cache,
      ranks,
      scores,
      n,
      shift,
    );
  }

  /** See {@linkcode Kernels.recency}. */
  recency(scores: GpuTensor, n: number): void {
    recency(this.queue, scores, n);
  }

  /** See {@linkcode Kernels.redundancy}. */
  redundancy(
    cache: GpuCache,
    ranks: GpuTensor,
    similarities: GpuTensor,
    n: number,
  ): void {
    redundancy(this.queue, cache, ranks, similarities, n);
  }

  /** See {@linkcode Kernels.select}. */
  select(
    rule: SelectionRule,
    tensors: GpuSelection,
    counts: SelectionCounts,
  ): void {
    select(this.queue, rule, tensors, counts);
  }

  /** See {@linkcode Kernels.compact}. */
  compact(
    cache: GpuCache,
    ranks: GpuTensor,
    kept: GpuTensor,
    n: number,
    k: number,
    window: number,
  ): void {
    compact(this.queue, cache, ranks, kept, n, k, window);
  }

  /** See {@linkcode Kernels.softmax}. */
  softmax(x: GpuTensor, n: number, temperature: number): void {
    softmax(this.queue, x, n, temperature);
  }

  /** See {@linkcode Kernels.argmax}. */
  argmax(x: GpuTensor, out: GpuTensor, n: number): void {
    argmax(this.queue, x, out, n);
  }

  /** See {@linkcode Kernels.sample}. */
  sample(
    logits: GpuTensor,
    out: GpuTensor,
    sampling: Sampling,
    draw: number,
  ): void {
    sample(this.queue, logits, out, sampling, draw);
  }
}
