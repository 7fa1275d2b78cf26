import type { KVCache } from "../cache/cache.ts";
import type { Phase } from "../cache/options.ts";
import { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import type { ModelConfig } from "./checkpoint/checkpoint.ts";
import { RotaryAngles } from "./rotary.ts";
import type { BlockWeights, ModelWeights } from "./weights.ts";

/** Most tokens that go through the model at once. */
export const CHUNK_TOKENS = 128;

/** Consecutive tokens of one text, among those that go through the model. */
export interface Stretch {
  /** What is cached of the text; no two stretches share one. */
  readonly cache: KVCache;
  /** Rotary position of the first, {@linkcode KVCache.position}. */
  readonly position: number;
  /** How many. */
  readonly n: number;
  /** When the cache evicts. */
  readonly phase: Phase;
}

/**
 * The forward pass of Llama and Qwen: embedding, blocks of attention and
 * SwiGLU with RMS norms before them, output projection. What it attends to is
 * a {@linkcode KVCache}'s business.
 */
export class Decoder {
  readonly #backend: Backend;
  readonly #config: ModelConfig;
  readonly #weights: ModelWeights;
  readonly #rotary: RotaryAngles;
  readonly #memory: Allocations;
  readonly #angleData: Float32Array;
  readonly #activations: Activations;
  #logits: Tensor;

  /** Allocates the activations; the weights are not its own. */
  constructor(backend: Backend, config: ModelConfig, weights: ModelWeights) {
    this.#backend = backend;
    this.#config = config;
    this.#weights = weights;
    this.#rotary = new RotaryAngles(config.rotary, config.headDim);
    this.#angleData = new Float32Array(CHUNK_TOKENS * config.headDim);
    this.#memory = new Allocations(backend);
    this.#activations = this.#memory.attempt(() =>
      allocate(backend, this.#memory, config)
    );
    this.#logits = this.#memory.attempt(() =>
      backend.tensor([1, config.vocabulary])
    );
  }

  /**
   * Takes tokens through all blocks and into the cache.
   *
   * @param ids At most {@linkcode CHUNK_TOKENS}, and what the cache has room for.
   * @param position Rotary position of the first, {@linkcode KVCache.position}.
   */
  forward(
    ids: ArrayLike<number>,
    position: number,
    cache: KVCache,
    phase: Phase,
  ): void {
    this.forwardBatch(ids, [{ cache, position, n: ids.length, phase }]);
  }

  /**
   * The same of several texts: the linear layers take all tokens together,
   * every cache its own.
   *
   * @param ids Of one stretch after the other, at most {@linkcode CHUNK_TOKENS}
   * in all; or `i32 [n]` on the device, so that they need not be known here.
   * @throws {RangeError} for more, or when a cache has no room; then all are as
   * before.
   * @throws {TypeError} after an error amid the blocks, until a cache is reset.
   */
  forwardBatch(
    ids: ArrayLike<number> | Tensor,
    stretches: readonly Stretch[],
  ): void {
    const n = stretches.reduce((sum, { n }) => sum + n, 0);
    checkTokens(n);
    for (const { cache, n } of stretches) cache.checkStep(n);
    // First what is written, then what is enqueued: so it can go out together.
    const tokens = this.#tokens(ids);
    this.#turnTo(stretches);
    const rows = this.#rowsOf(stretches);
    const { x, normed } = this.#activations;
    const { embedding, blocks, outputNorm } = this.#weights;
    this.#backend.embed(embedding, tokens, x, n);
    this.#norm(x, blocks[0].attentionNorm, normed, n);
    blocks.forEach((block, layer) => {
      this.#attend(block, layer, rows, n);
      const next = blocks[layer + 1]?.attentionNorm ?? outputNorm;
      this.#feedForward(block, next, n);
    });
  }

  /**
   * Logits of the last `rows` of `n` tokens that went forward together:
   * `[rows, vocabulary]`, until the next call.
   */
  logits(n: number, rows = 1): Tensor {
    if (this.#logits.shape[0] < rows) {
      this.#backend.free(this.#logits);
      this.#logits = this.#backend.tensor([rows, this.#config.vocabulary]);
    }
    const { normed, delta } = this.#activations;
    if (rows < n) this.#backend.copy(normed, n - rows, delta, 0, rows);
    const last = rows < n ? delta : normed;
    this.#backend.linear(last, this.#weights.output, this.#logits, rows);
    return this.#logits;
  }

  /** Gives the activations' memory back; the weights are not its own. */
  dispose(): void {
    this.#memory[Symbol.dispose]();
    this.#backend.free(this.#logits);
  }

  #tokens(ids: ArrayLike<number> | Tensor): Tensor {
    if ("dtype" in ids) return ids;
    const { tokens } = this.#activations;
    this.#backend.write(tokens, ids);
    return tokens;
  }

  #turnTo(stretches: readonly Stretch[]): void {
    const { headDim } = this.#config;
    let end = 0;
    for (const { position, n } of stretches) {
      const data = this.#angleData.subarray(end, end += n * headDim);
      this.#rotary.fill(data, position, n);
    }
    const { angles } = this.#activations;
    this.#backend.write(angles, this.#angleData.subarray(0, end));
  }

  /** The rows of each stretch; they are the same in all layers. */
  #rowsOf(stretches: readonly Stretch[]): StretchRows[] {
    const backend = this.#backend;
    const { q, k, v, attended } = this.#activations;
    let end = 0;
    return stretches.map((stretch) => {
      const start = end;
      end += stretch.n;
      const rows = (tensor: Tensor) => backend.rows(tensor, start, end);
      return {
        ...stretch,
        q: rows(q),
        k: rows(k),
        v: rows(v),
        attended: rows(attended),
      };
    });
  }

  #attend(
    block: BlockWeights,
    layer: number,
    rows: readonly StretchRows[],
    n: number,
  ): void {
    const backend = this.#backend;
    const { normed, delta, qkv, q, k, turned, angles, attended } =
      this.#activations;
    backend.linear(normed, block.qkv, qkv, n);
    if (block.qkvBias) backend.add(qkv, block.qkvBias, n);
    if (block.queryNorm) this.#norm(q, block.queryNorm, q, n);
    if (block.keyNorm) this.#norm(k, block.keyNorm, k, n);
    backend.rope(turned, angles, n, this.#config.rotary.pairing);
    for (const { cache, phase, n, q, k, v, attended } of rows) {
      cache.append(layer, k, v, n);
      cache.attend(layer, q, attended, n, phase);
    }
    backend.linear(attended, block.attentionOutput, delta, n);
    this.#addNorm(block.feedForwardNorm, n);
  }

  #feedForward(block: BlockWeights, nextNorm: Tensor, n: number): void {
    const backend = this.#backend;
    const { normed, delta, gateUp, hidden } = this.#activations;
    backend.linear(normed, block.gateUp, gateUp, n);
    backend.swiglu(gateUp, hidden, n);
    backend.linear(hidden, block.down, delta, n);
    this.#addNorm(nextNorm, n);
  }

  /** Ends one half of a block and begins the next. */
  #addNorm(weight: Tensor, n: number): void {
    const { x, delta, normed } = this.#activations;
    const { rmsEpsilon } = this.#config;
    this.#backend.addNorm(x, delta, weight, normed, n, rmsEpsilon);
  }

  #norm(x: Tensor, weight: Tensor, out: Tensor, n: number): void {
    this.#backend.rmsNorm(x, weight, out, n, this.#config.rmsEpsilon);
  }
}

function checkTokens(n: number): void {
  if (n <= CHUNK_TOKENS) return;
  throw new RangeError(
    `Cannot decode ${n} tokens at once: at most ${CHUNK_TOKENS} are needed`,
  );
}

/** A stretch and where its tokens are among all. */
interface StretchRows extends Stretch {
  readonly q: Tensor;
  readonly k: Tensor;
  readonly v: Tensor;
  readonly attended: Tensor;
}

/** Intermediate results of one chunk; allocated once. */
interface Activations {
  tokens: Tensor;
  /** Residual stream `[n, embedding]`. */
  x: Tensor;
  /** The residual stream as the next layer reads it. */
  normed: Tensor;
  /** What half a block adds to the residual stream. */
  delta: Tensor;
  /** `[n, queryHeads + 2 kvHeads, headDim]`. */
  qkv: Tensor;
  /** Views of `qkv`; `turned` are the heads with rotary embedding. */
  q: Tensor;
  k: Tensor;
  v: Tensor;
  turned: Tensor;
  angles: Tensor;
  attended: Tensor;
  gateUp: Tensor;
  hidden: Tensor;
}

function allocate(
  backend: Backend,
  memory: Allocations,
  config: ModelConfig,
): Activations {
  const { embedding, feedForward, queryHeads, kvHeads, headDim } = config;
  const n = CHUNK_TOKENS;
  const keysEnd = queryHeads + kvHeads;
  const qkv = memory.tensor([n, keysEnd + kvHeads, headDim]);
  return {
    tokens: memory.tensor([n], "i32"),
    x: memory.tensor([n, embedding]),
    normed: memory.tensor([n, embedding]),
    delta: memory.tensor([n, embedding]),
    qkv,
    q: backend.slice(qkv, 0, queryHeads),
    k: backend.slice(qkv, queryHeads, keysEnd),
    v: backend.slice(qkv, keysEnd, keysEnd + kvHeads),
    turned: backend.slice(qkv, 0, keysEnd),
    angles: memory.tensor([n, headDim / 2, 2]),
    attended: memory.tensor([n, queryHeads, headDim]),
    gateUp: memory.tensor([n, 2, feedForward]),
    hidden: memory.tensor([n, feedForward]),
  };
}
