import type { Backend, CacheShape, Policy, Tensor } from "../mod.ts";
import { KVCache } from "../mod.ts";
import { randomNormal } from "../tests/model/fixtures/random.ts";

/** Tokens that an eviction leaves, and that are added before the next one. */
export const KEPT = 512;
export const ADDED = 128;

/** A cache that can be filled with random tokens until an eviction is due. */
export class DueCache {
  readonly name: string;
  readonly #cache: KVCache;
  readonly #q: Tensor;
  readonly #k: Tensor;
  readonly #v: Tensor;
  readonly #out: Tensor;

  constructor(backend: Backend, shape: CacheShape, policy: Policy) {
    const { layers, queryHeads, kvHeads, headDim } = shape;
    this.name = policy.name;
    this.#cache = new KVCache(backend, {
      ...{ layers, queryHeads, kvHeads, headDim, policy },
      dtype: "f32",
      budget: { tokens: KEPT },
      // One more than are in use: a prompt that goes on then evicts nothing.
      slots: KEPT + ADDED + 1,
      boundaryAt: (position) => position % 8 ? undefined : "separator",
    });
    this.#q = randomTensor(backend, [ADDED, queryHeads, headDim], 1);
    this.#k = randomTensor(backend, [ADDED, kvHeads, headDim], 2);
    this.#v = randomTensor(backend, [ADDED, kvHeads, headDim], 3);
    this.#out = backend.tensor([ADDED, queryHeads, headDim]);
  }

  /** Adds tokens to all layers until {@linkcode KEPT} + {@linkcode ADDED}. */
  fill(): void {
    const { layers } = this.#cache.shape;
    while (this.#cache.stats().cached < KEPT + ADDED) {
      for (let layer = 0; layer < layers; layer++) {
        this.#cache.append(layer, this.#k, this.#v);
        this.#cache.attend(layer, this.#q, this.#out, ADDED, "prompt");
      }
    }
  }

  /**
   * Evicts from all layers.
   *
   * @returns Microseconds that a layer took.
   * @throws {Error} when something else than {@linkcode KEPT} tokens is left.
   */
  evict(): number {
    const start = performance.now();
    this.#cache.evict();
    const time = performance.now() - start;
    const { cached } = this.#cache.stats();
    if (cached === KEPT) return time * 1000 / this.#cache.shape.layers;
    throw new Error(
      `Cannot time an eviction by ${this.name}: it left ${cached} tokens, ` +
        `${KEPT} are needed`,
    );
  }
}

function randomTensor(backend: Backend, shape: number[], seed: number): Tensor {
  const tensor = backend.tensor(shape);
  const length = shape.reduce((product, size) => product * size, 1);
  backend.write(tensor, Float32Array.from({ length }, randomNormal(seed)));
  return tensor;
}
