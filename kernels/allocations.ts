import type { Backend } from "./backend.ts";
import type { DType, Tensor, Weight, WeightPart } from "./tensors.ts";

/** Memory that is given back together: what one object allocates. */
export class Allocations implements Disposable {
  readonly #backend: Backend;
  readonly #made: (Tensor | Weight)[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Result of a function that allocates; when it throws, everything allocated
   * so far is given back.
   */
  attempt<T>(make: () => T): T {
    try {
      return make();
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** As {@linkcode Backend.tensor}. */
  tensor(shape: readonly number[], dtype?: DType): Tensor {
    const tensor = this.#backend.tensor(shape, dtype);
    this.#made.push(tensor);
    return tensor;
  }

  /** As {@linkcode Backend.weight}. */
  weight(columns: number, parts: readonly WeightPart[]): Weight {
    const weight = this.#backend.weight(columns, parts);
    this.#made.push(weight);
    return weight;
  }

  /** Gives everything back; once. */
  [Symbol.dispose](): void {
    for (const memory of this.#made.splice(0)) this.#backend.free(memory);
  }
}
