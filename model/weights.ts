import { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type { Tensor, Weight } from "../kernels/tensors.ts";
import { dequantize, storedBytes } from "../kernels/stored.ts";
import type { Checkpoint, TensorEntry } from "./checkpoint/checkpoint.ts";

/** Matrices and vectors of one transformer block. */
export interface BlockWeights {
  /** Gain of the norm before attention, `[embedding]`. */
  attentionNorm: Tensor;
  /** Rows of all query heads, then key heads, then value heads. */
  qkv: Weight;
  /** As long as `qkv` has rows. */
  qkvBias: Tensor | undefined;
  /** Gain of the norm of each query head, `[headDim]` (Qwen3). */
  queryNorm: Tensor | undefined;
  /** Gain of the norm of each key head, `[headDim]` (Qwen3). */
  keyNorm: Tensor | undefined;
  /** From the heads back to the residual stream. */
  attentionOutput: Weight;
  /** Gain of the norm before the feed-forward network. */
  feedForwardNorm: Tensor;
  /** Rows of the gate, then of the up projection. */
  gateUp: Weight;
  /** From the feed-forward network back to the residual stream. */
  down: Weight;
}

/** A model in a backend's memory. */
export interface ModelWeights {
  /** What all of it is freed by. */
  memory: Disposable;
  /** One row a token. */
  embedding: Weight;
  /** Transformer blocks, the first one first. */
  blocks: BlockWeights[];
  /** Gain of the last norm. */
  outputNorm: Tensor;
  /** The embedding itself where a model ties them. */
  output: Weight;
}

/** How far loading is. */
export interface LoadProgress {
  /** Bytes read so far. */
  bytes: number;
  /** Bytes of all tensors. */
  total: number;
}

/** Options of {@linkcode loadWeights}. */
export interface LoadOptions {
  /** Called after each piece that was read. */
  onProgress?: ((progress: LoadProgress) => void) | undefined;
  /** Ends the loading with its reason; what was loaded is freed. */
  signal?: AbortSignal | undefined;
}

/** Bytes read at a time: a model is never in memory twice. */
const CHUNK = 4 * 2 ** 20;

/**
 * Streams a checkpoint's tensors into a backend.
 *
 * @throws {RangeError} when the backend has not enough memory; what was
 * allocated is given back.
 */
export async function loadWeights(
  backend: Backend,
  checkpoint: Checkpoint,
  options: LoadOptions = {},
): Promise<ModelWeights> {
  const memory = new Allocations(backend);
  try {
    return await new Loader(backend, memory, checkpoint, options).model();
  } catch (error) {
    memory[Symbol.dispose]();
    throw error;
  }
}

class Loader {
  readonly #backend: Backend;
  readonly #checkpoint: Checkpoint;
  readonly #options: LoadOptions;
  readonly #memory: Allocations;
  readonly #total: number;
  #bytes = 0;

  constructor(
    backend: Backend,
    memory: Allocations,
    checkpoint: Checkpoint,
    options: LoadOptions,
  ) {
    this.#backend = backend;
    this.#memory = memory;
    this.#checkpoint = checkpoint;
    this.#options = options;
    const entries = [...checkpoint.tensors.values()];
    this.#total = entries.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  async model(): Promise<ModelWeights> {
    const embedding = await this.#matrix("token_embd.weight");
    const blocks: BlockWeights[] = [];
    for (let i = 0; i < this.#checkpoint.config.layers; i++) {
      blocks.push(await this.#block(`blk.${i}.`));
    }
    return {
      memory: this.#memory,
      embedding,
      blocks,
      outputNorm: await this.#vector("output_norm.weight"),
      output: this.#has("output.weight")
        ? await this.#matrix("output.weight")
        : embedding,
    };
  }

  async #block(at: string): Promise<BlockWeights> {
    const projections = ["q", "k", "v"].map((name) => `${at}attn_${name}`);
    const optional = (name: string) =>
      this.#has(name) ? this.#vector(name) : undefined;
    return {
      attentionNorm: await this.#vector(`${at}attn_norm.weight`),
      qkv: await this.#matrix(...projections.map((name) => `${name}.weight`)),
      qkvBias: this.#has(`${projections[0]}.bias`)
        ? await this.#vector(...projections.map((name) => `${name}.bias`))
        : undefined,
      queryNorm: await optional(`${at}attn_q_norm.weight`),
      keyNorm: await optional(`${at}attn_k_norm.weight`),
      attentionOutput: await this.#matrix(`${at}attn_output.weight`),
      feedForwardNorm: await this.#vector(`${at}ffn_norm.weight`),
      gateUp: await this.#matrix(`${at}ffn_gate.weight`, `${at}ffn_up.weight`),
      down: await this.#matrix(`${at}ffn_down.weight`),
    };
  }

  #has(name: string): boolean {
    return this.#checkpoint.tensors.has(name);
  }

  #entry(name: string): TensorEntry {
    return this.#checkpoint.tensors.get(name)!;
  }

  /** One matrix of the rows of several that share their input. */
  async #matrix(...names: string[]): Promise<Weight> {
    const entries = names.map((name) => this.#entry(name));
    const columns = entries[0].shape[1];
    const parts = entries.map(({ type, shape }) => ({ type, rows: shape[0] }));
    const weight = this.#memory.weight(columns, parts);
    let first = 0;
    for (const entry of entries) {
      await this.#stream(weight, first, entry);
      first += entry.shape[0];
    }
    return weight;
  }

  async #stream(weight: Weight, first: number, entry: TensorEntry) {
    const { type, shape: [rows, columns] } = entry;
    const rowBytes = storedBytes(type, [columns]);
    const step = Math.max(16, Math.floor(CHUNK / rowBytes / 16) * 16);
    for (let row = 0; row < rows; row += step) {
      const n = Math.min(step, rows - row);
      const bytes = await this.#read(entry, row * rowBytes, n * rowBytes);
      this.#backend.load(weight, first + row, bytes);
    }
  }

  /** One vector of several that follow each other. */
  async #vector(...names: string[]): Promise<Tensor> {
    const pieces: number[] = [];
    for (const entry of names.map((name) => this.#entry(name))) {
      const out = new Float64Array(entry.shape[0]);
      dequantize(entry.type, await this.#read(entry, 0, entry.bytes), out);
      pieces.push(...out);
    }
    const tensor = this.#memory.tensor([pieces.length]);
    this.#backend.write(tensor, pieces);
    return tensor;
  }

  async #read(
    { source, offset }: TensorEntry,
    from: number,
    length: number,
  ): Promise<Uint8Array> {
    this.#options.signal?.throwIfAborted();
    const bytes = await source.read(offset + from, length);
    this.#bytes += length;
    this.#options.onProgress?.({ bytes: this.#bytes, total: this.#total });
    return bytes;
  }
}
