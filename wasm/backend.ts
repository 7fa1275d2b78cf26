import type { Backend } from "../kernels/backend.ts";
import type { Sampling } from "../kernels/ops.ts";
import { notFinite } from "../kernels/reference/finite.ts";
import {
  instantiateKernels,
  type WasmKernels,
  type WasmOptions,
} from "./kernels.ts";
import { WasmEvictionKernels } from "./eviction_kernels.ts";
import { sample } from "./sample.ts";
import { attentionScratch, linearScratch } from "./scratch.ts";
import type { WasmCache, WasmTally, WasmTensor, WasmWeight } from "./tensor.ts";

/**
 * Kernels on the CPU: AssemblyScript SIMD in WebAssembly. Calls run at once,
 * so nothing ever waits.
 */
export class WasmBackend extends WasmEvictionKernels implements Backend {
  /** Which build runs: `wasm (relaxed-simd)`. */
  readonly name: string;

  private constructor(kernels: WasmKernels, build: string) {
    super(kernels);
    this.name = `wasm (${build})`;
  }

  /** Instantiates the kernels with a memory of their own. */
  static async open(options: WasmOptions = {}): Promise<WasmBackend> {
    const { kernels, build } = await instantiateKernels(options);
    return new WasmBackend(kernels, build);
  }

  /** The memory goes with the last reference to it. */
  [Symbol.dispose](): void {}

  /** See {@linkcode Kernels.embed}. */
  embed(table: WasmWeight, ids: WasmTensor, out: WasmTensor, n: number): void {
    for (let i = 0; i < n; i++) {
      const id = this.integer(ids, i);
      const { code, pointer, rows, first } = table.partOf(id);
      const to = out.pointer + i * out.step;
      this.kernels.embed(code, pointer, rows, table.columns, id - first, to);
    }
  }

  /** See {@linkcode Kernels.linear}. */
  linear(x: WasmTensor, weight: WasmWeight, out: WasmTensor, n: number): void {
    const { columns, parts } = weight;
    const scratch = this.reserve(linearScratch(n, columns));
    for (const { code, pointer, rows, first } of parts) {
      this.kernels.linear(
        code,
        pointer,
        rows,
        columns,
        x.pointer,
        x.step,
        n,
        out.pointer + first * 4,
        out.step,
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.rmsNorm}. */
  rmsNorm(
    x: WasmTensor,
    weight: WasmTensor,
    out: WasmTensor,
    n: number,
    epsilon: number,
  ): void {
    const width = weight.shape[0];
    this.kernels.rmsNorm(
      x.pointer,
      x.step,
      n,
      x.width / width,
      weight.pointer,
      width,
      epsilon,
      out.pointer,
      out.step,
    );
  }

  /** See {@linkcode Kernels.addNorm}. */
  addNorm(
    x: WasmTensor,
    y: WasmTensor,
    weight: WasmTensor,
    out: WasmTensor,
    n: number,
    epsilon: number,
  ): void {
    this.add(x, y, n);
    this.rmsNorm(x, weight, out, n, epsilon);
  }

  /** See {@linkcode Kernels.rope}. */
  rope(
    x: WasmTensor,
    angles: WasmTensor,
    n: number,
    pairing: "adjacent" | "halves",
  ): void {
    const [_, heads, headDim] = x.shape;
    const halves = pairing === "halves" ? 1 : 0;
    const { rope } = this.kernels;
    rope(x.pointer, x.step, n, heads, headDim, angles.pointer, halves);
  }

  /** See {@linkcode Kernels.swiglu}. */
  swiglu(gateUp: WasmTensor, out: WasmTensor, n: number): void {
    const { swiglu } = this.kernels;
    swiglu(gateUp.pointer, gateUp.step, n, out.width, out.pointer, out.step);
  }

  /** See {@linkcode Kernels.add}. */
  add(x: WasmTensor, y: WasmTensor, n: number): void {
    const yStep = y.shape.length === 1 ? 0 : y.step;
    this.kernels.add(x.pointer, x.step, y.pointer, yStep, n, x.width);
  }

  /** See {@linkcode Kernels.copy}. */
  copy(
    source: WasmTensor,
    from: number,
    target: WasmTensor,
    to: number,
    n: number,
  ): void {
    this.kernels.copy(
      source.pointer + from * source.step,
      source.step,
      target.pointer + to * target.step,
      target.step,
      n,
      source.width * source.size,
    );
    if (!source.scales) return;
    this.kernels.copy(
      source.scales + from * source.scaleStep,
      source.scaleStep,
      target.scales + to * target.scaleStep,
      target.scaleStep,
      n,
      source.width / source.shape[source.shape.length - 1] * 4,
    );
  }

  /** See {@linkcode Kernels.append}. */
  append(
    { keys, values, positions }: WasmCache,
    k: WasmTensor,
    v: WasmTensor,
    n: number,
    at: number,
    position: number,
    names: readonly [k: string, v: string],
  ): void {
    this.#refuseNonFinite(k, n, names[0]);
    this.#refuseNonFinite(v, n, names[1]);
    const [kvHeads, _, headDim] = keys.shape;
    const scratch = this.reserve(headDim * 4);
    for (let head = 0; head < kvHeads; head++) {
      this.kernels.append(
        k.pointer + head * headDim * 4,
        k.step,
        v.pointer + head * headDim * 4,
        v.step,
        n,
        headDim,
        keys.size,
        keys.at(head),
        keys.scaleAt(head),
        values.at(head),
        values.scaleAt(head),
        positions.at(head),
        at,
        position,
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.attention}. */
  attention(
    q: WasmTensor,
    { keys, values }: WasmCache,
    out: WasmTensor,
    n: number,
    cached: number,
    name: string,
    tally?: WasmTally,
    tallied: number = 0,
  ): void {
    this.#refuseNonFinite(q, n, name);
    const [kvHeads, _, headDim] = keys.shape;
    const group = q.shape[1] / kvHeads;
    const weighed = tally ? cached : 0;
    const scratch = this.reserve(
      attentionScratch(n, group, headDim, keys.size, weighed),
    );
    for (let head = 0; head < kvHeads; head++) {
      const offset = head * group * headDim * 4;
      this.kernels.attention(
        q.pointer + offset,
        q.step,
        n,
        group,
        headDim,
        keys.size,
        keys.at(head),
        keys.scaleAt(head),
        values.at(head),
        values.scaleAt(head),
        cached,
        out.pointer + offset,
        out.step,
        tally ? tally.sums.at(head) : 0,
        tally?.squares ? tally.squares.at(head) : 0,
        tally?.heads === "mean" ? 1 : 0,
        tallied,
        scratch,
      );
    }
  }

  /** See {@linkcode Kernels.softmax}. */
  softmax(x: WasmTensor, n: number, temperature: number): void {
    this.kernels.softmax(x.pointer, x.step, n, x.width, 1 / temperature);
  }

  /** See {@linkcode Kernels.argmax}. */
  argmax(x: WasmTensor, out: WasmTensor, n: number): void {
    this.kernels.argmax(x.pointer, x.step, n, x.width, out.pointer);
  }

  /** See {@linkcode Kernels.sample}. */
  sample(
    logits: WasmTensor,
    out: WasmTensor,
    sampling: Sampling,
    draw: number,
  ): void {
    this.softmax(logits, 1, sampling.temperature);
    this.write(out, [sample(this.numbers(logits), sampling, draw)]);
  }

  #refuseNonFinite(
    { pointer, step, width }: WasmTensor,
    n: number,
    name: string,
  ): void {
    if (!this.kernels.finite(pointer, step, n, width)) throw notFinite(name);
  }
}
