import { ReferenceBackend } from "../kernels/reference/backend.ts";
import type { Backend, LayerCache, Tensor } from "../kernels/ops.ts";
import { randomNormal } from "../tests/model/fixtures/random.ts";

/** Sizes of a decode attention. */
export interface AttentionShape {
  readonly queryHeads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  /** Cached tokens. */
  readonly tokens: number;
}

/** One query and what it attends to. */
export interface AttentionCase extends AttentionShape {
  /** `[queryHeads, headDim]`. */
  readonly q: Float32Array;
  /** `[kvHeads, tokens, headDim]`. */
  readonly keys: Float32Array;
  /** `[kvHeads, tokens, headDim]`. */
  readonly values: Float32Array;
}

/** An implementation, with copies of the keys and values for several layers. */
export interface AttentionPeer extends AsyncDisposable {
  readonly name: string;
  /** Attends over a layer's copy. */
  attend(layer: number): void | Promise<void>;
  /** What the last call gave, `[queryHeads, headDim]`. */
  output(): Promise<Float32Array>;
}

/** Random numbers; some queries are large, so that the softmax is not flat. */
export function attentionCase(shape: AttentionShape): AttentionCase {
  const { queryHeads, kvHeads, headDim, tokens } = shape;
  const random = randomNormal(1);
  const numbers = (length: number) => Float32Array.from({ length }, random);
  return {
    ...shape,
    q: numbers(queryHeads * headDim).map((x, i) => i % 7 ? x : 4 * x),
    keys: numbers(kvHeads * tokens * headDim),
    values: numbers(kvHeads * tokens * headDim),
  };
}

/** Ours: the `attention` kernel of a backend. */
export class BackendAttention implements AttentionPeer {
  readonly name: string;
  readonly #backend: Backend;
  readonly #caches: LayerCache[];
  readonly #q: Tensor;
  readonly #out: Tensor;
  readonly #tokens: number;

  constructor(backend: Backend, given: AttentionCase, layers: number) {
    const shape = [1, given.queryHeads, given.headDim];
    this.name = `gkv, ${backend.name}`;
    this.#backend = backend;
    this.#tokens = given.tokens;
    this.#caches = Array.from({ length: layers }, () => fill(backend, given));
    this.#q = backend.tensor(shape);
    this.#out = backend.tensor(shape);
    backend.write(this.#q, given.q);
  }

  attend(layer: number): void {
    const cache = this.#caches[layer];
    this.#backend.attention(this.#q, cache, this.#out, 1, this.#tokens, "q");
  }

  async output(): Promise<Float32Array> {
    return await this.#backend.read(this.#out) as Float32Array;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#backend[Symbol.dispose]();
    return Promise.resolve();
  }
}

function fill(backend: Backend, given: AttentionCase): LayerCache {
  const { kvHeads, tokens, headDim, keys, values } = given;
  const cache = {
    keys: backend.tensor([kvHeads, tokens, headDim]),
    values: backend.tensor([kvHeads, tokens, headDim]),
    positions: backend.tensor([kvHeads, tokens], "i32"),
    sums: undefined,
  };
  backend.write(cache.keys, keys);
  backend.write(cache.values, values);
  return cache;
}

/** Largest error that is still the same result, relative to the largest value. */
const TOLERANCE = 1e-4;

/**
 * Compares the peers' results with the reference's.
 *
 * @throws {Error} naming the peer that computes something else.
 */
export async function checkResults(
  given: AttentionCase,
  peers: readonly AttentionPeer[],
): Promise<void> {
  const truth = new BackendAttention(new ReferenceBackend(), given, 1);
  truth.attend(0);
  const expected = await truth.output();
  const largest = Math.max(...expected.map(Math.abs));
  for (const peer of peers) {
    await peer.attend(0);
    const output = await peer.output();
    const errors = output.map((value, i) => Math.abs(value - expected[i]));
    const error = Math.max(...errors) / largest;
    if (output.length === expected.length && error <= TOLERANCE) continue;
    throw new Error(
      `Cannot compare with ${peer.name}: its error is ${error}, ` +
        `${TOLERANCE} at most is needed`,
    );
  }
}
