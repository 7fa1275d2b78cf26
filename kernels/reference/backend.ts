import type { Backend, MemoryStats } from "../backend.ts";
import type { DType, Tensor, WeightPart } from "../tensors.ts";
import { add } from "./add.ts";
import { addNorm } from "./add_norm.ts";
import { append } from "./append.ts";
import { argmax } from "./argmax.ts";
import { attention } from "./attention.ts";
import { compact } from "./compact.ts";
import { copy } from "./copy.ts";
import { embed } from "./embed.ts";
import { keydiff } from "./keydiff.ts";
import { linear } from "./linear.ts";
import { order } from "./order.ts";
import { random } from "./random.ts";
import { recency } from "./recency.ts";
import { redundancy } from "./redundancy.ts";
import { reposition } from "./reposition.ts";
import { rmsNorm } from "./rms_norm.ts";
import { rope } from "./rope.ts";
import { select } from "./select.ts";
import { sample } from "./sample.ts";
import { softmax } from "./softmax.ts";
import { swiglu } from "./swiglu.ts";
import { restore, save } from "./snapshot.ts";
import { tallyScores } from "./tally.ts";
import { ArrayTensor } from "./tensor.ts";
import { StoredWeight } from "./weight.ts";
import { windowScores } from "./window_scores.ts";

/**
 * The truth that other backends are tested against: plain TypeScript in
 * float64, written to be read.
 */
export class ReferenceBackend implements Backend {
  readonly name = "reference (float64)";
  readonly maxTensorBytes: number = Infinity;
  readonly roundTrip: number = 0;
  #used = 0;

  // One property per kernel: the methods of this backend are those functions.
  readonly add: typeof add = add;
  readonly addNorm: typeof addNorm = addNorm;
  readonly append: typeof append = append;
  readonly argmax: typeof argmax = argmax;
  readonly attention: typeof attention = attention;
  readonly compact: typeof compact = compact;
  readonly copy: typeof copy = copy;
  readonly embed: typeof embed = embed;
  readonly keydiff: typeof keydiff = keydiff;
  readonly linear: typeof linear = linear;
  readonly order: typeof order = order;
  readonly random: typeof random = random;
  readonly recency: typeof recency = recency;
  readonly redundancy: typeof redundancy = redundancy;
  readonly reposition: typeof reposition = reposition;
  readonly rmsNorm: typeof rmsNorm = rmsNorm;
  readonly rope: typeof rope = rope;
  readonly select: typeof select = select;
  readonly sample: typeof sample = sample;
  readonly softmax: typeof softmax = softmax;
  readonly swiglu: typeof swiglu = swiglu;
  readonly tallyScores: typeof tallyScores = tallyScores;
  readonly windowScores: typeof windowScores = windowScores;

  /** See {@linkcode Backend.tensor}. */
  tensor(shape: readonly number[], dtype: DType = "f32"): ArrayTensor {
    const size = shape.reduce((product, length) => product * length, 1);
    const data = dtype === "i32"
      ? new Int32Array(size)
      : new Float64Array(size);
    this.#used += data.byteLength;
    return new ArrayTensor(data, shape, size / shape[0], 0, dtype);
  }

  /** See {@linkcode Backend.slice}. */
  slice(tensor: Tensor, from: number, to: number): ArrayTensor {
    const { data, shape, stride, offset, dtype } = tensor as ArrayTensor;
    const [n, _, ...inner] = shape;
    const size = inner.reduce((product, length) => product * length, 1);
    const start = offset + from * size;
    const sliced = [n, to - from, ...inner];
    return new ArrayTensor(data, sliced, stride, start, dtype);
  }

  /** See {@linkcode Backend.rows}. */
  rows(tensor: Tensor, from: number, to: number): ArrayTensor {
    const { data, shape, stride, offset, dtype } = tensor as ArrayTensor;
    const start = offset + from * stride;
    const part = [to - from, ...shape.slice(1)];
    return new ArrayTensor(data, part, stride, start, dtype);
  }

  /** See {@linkcode Backend.weight}. */
  weight(columns: number, parts: readonly WeightPart[]): StoredWeight {
    const weight = new StoredWeight(columns, parts);
    this.#used += weight.bytes;
    return weight;
  }

  /** See {@linkcode Backend.load}. */
  load(weight: StoredWeight, row: number, bytes: Uint8Array): void {
    weight.load(row, bytes);
  }

  /** See {@linkcode Backend.write}. */
  write(tensor: ArrayTensor, data: ArrayLike<number>): void {
    tensor.data.set(data, tensor.offset);
  }

  /** See {@linkcode Backend.read}. */
  read(
    tensor: ArrayTensor,
    n?: number,
  ): Promise<Float32Array | Int32Array> {
    return Promise.resolve(this.peek(tensor, n));
  }

  /** See {@linkcode Backend.peek}. */
  peek(
    tensor: ArrayTensor,
    n: number = tensor.shape[0],
  ): Float32Array | Int32Array {
    const rows = Array.from({ length: n }, (_, i) => [...tensor.row(i)]).flat();
    const Type = tensor.dtype === "i32" ? Int32Array : Float32Array;
    return Type.from(rows);
  }

  /** See {@linkcode Backend.save}. */
  save(tensor: ArrayTensor, n: number): Promise<Uint8Array> {
    return Promise.resolve(save(tensor, n));
  }

  /** See {@linkcode Backend.restore}. */
  restore(tensor: ArrayTensor, n: number, bytes: Uint8Array): void {
    restore(tensor, n, bytes);
  }

  /** See {@linkcode Backend.free}. */
  free(memory: ArrayTensor | StoredWeight): void {
    this.#used -= memory instanceof StoredWeight
      ? memory.bytes
      : memory.data.byteLength;
  }

  /** See {@linkcode Backend.memory}. */
  memory(): MemoryStats {
    return { used: this.#used, scratch: 0, reserved: this.#used };
  }

  /** Arrays are the garbage collector's. */
  [Symbol.dispose](): void {}
}
