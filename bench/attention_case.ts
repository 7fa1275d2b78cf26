import { ReferenceBackend } from "../kernels/reference/backend.ts";
import type { Backend } from "../kernels/backend.ts";
import type { LayerCache } from "../kernels/layer_cache.ts";
import type { CacheType, Tensor } from "../kernels/tensors.ts";
import { relativeError } from "../tests/kernels/numbers.ts";
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
  /** What its keys and values are rounded to: f32 if not given. */
  readonly type?: CacheType;
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
  readonly type: CacheType;
  readonly #backend: Backend;
  readonly #caches: LayerCache[];
  readonly #q: Tensor;
  readonly #out: Tensor;
  readonly #tokens: number;

  constructor(
    backend: Backend,
    given: AttentionCase,
    layers: number,
    type: CacheType,
  ) {
    const shape = [1, given.queryHeads, given.headDim];
    this.name = `gkv ${type}, ${backend.name}`;
    this.type = type;
    this.#backend = backend;
    this.#tokens = given.tokens;
    this.#caches = Array.from(
      { length: layers },
      () => fill(backend, given, type),
    );
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

/** A layer, to which tokens are appended head by head. */
function fill(
  backend: Backend,
  { kvHeads, tokens, headDim, keys, values }: AttentionCase,
  type: CacheType,
): LayerCache {
  const cache = {
    keys: backend.tensor([kvHeads, tokens, headDim], type),
    values: backend.tensor([kvHeads, tokens, headDim], type),
    positions: backend.tensor([kvHeads, tokens], "i32"),
    sums: undefined,
  };
  const [k, v] = [1, 2].map(() => backend.tensor([tokens, 1, headDim]));
  for (let h = 0; h < kvHeads; h++) {
    const [from, to] = [h, h + 1].map((head) => head * tokens * headDim);
    backend.write(k, keys.subarray(from, to));
    backend.write(v, values.subarray(from, to));
    const head = {
      keys: backend.rows(cache.keys, h, h + 1),
      values: backend.rows(cache.values, h, h + 1),
      positions: backend.rows(cache.positions, h, h + 1),
      sums: undefined,
    };
    backend.append(head, k, v, tokens, 0, 0, ["k", "v"]);
  }
  backend.free(k);
  backend.free(v);
  return cache;
}

/**
 * Largest error that is still the same result, relative to the largest value:
 * rounding of f32, and for int8 that of queries and weights to 15 bits.
 */
const TOLERANCE: Record<CacheType, number> = {
  f32: 1e-4,
  f16: 1e-4,
  int8: 1e-3,
};

/**
 * Compares the peers' results with the reference's, in float64 over a cache of
 * their own type.
 *
 * @returns Their largest errors against an unrounded cache, relative to the
 * largest value.
 * @throws {Error} naming the peer that computes something else.
 */
export async function checkResults(
  given: AttentionCase,
  peers: readonly AttentionPeer[],
): Promise<number[]> {
  const truths = new Map<CacheType, Float32Array>();
  for (const type of new Set([...peers.map(typeOf), "f32" as const])) {
    truths.set(type, await truth(given, type));
  }
  const errors: number[] = [];
  for (const peer of peers) {
    await peer.attend(0);
    const output = await peer.output();
    const type = typeOf(peer), most = TOLERANCE[type];
    const error = relativeError(output, truths.get(type)!);
    if (!(error <= most)) {
      throw new Error(
        `Cannot compare with ${peer.name}: its error is ${error}, ` +
          `${most} at most is needed`,
      );
    }
    errors.push(relativeError(output, truths.get("f32")!));
  }
  return errors;
}

function typeOf({ type = "f32" }: AttentionPeer): CacheType {
  return type;
}

async function truth(
  given: AttentionCase,
  type: CacheType,
): Promise<Float32Array> {
  const reference = new BackendAttention(
    new ReferenceBackend(),
    given,
    1,
    type,
  );
  reference.attend(0);
  return await reference.output();
}
