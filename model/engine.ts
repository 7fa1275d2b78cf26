import type { Backend } from "../kernels/backend.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { Decoder } from "./decoder.ts";
import { type LoadOptions, loadWeights, type ModelWeights } from "./weights.ts";

/** A model's weights on a backend, and the decoder that runs them there. */
export class Engine implements Disposable {
  /** Where the weights lie. */
  readonly backend: Backend;
  /** The forward pass. */
  readonly decoder: Decoder;
  readonly #weights: ModelWeights;

  private constructor(
    backend: Backend,
    { config }: Checkpoint,
    weights: ModelWeights,
  ) {
    this.backend = backend;
    this.#weights = weights;
    this.decoder = new Decoder(backend, config, weights);
  }

  /**
   * Streams a checkpoint into a backend.
   *
   * @throws {RangeError} when the backend has not enough memory; what was
   * allocated is given back.
   */
  static async load(
    backend: Backend,
    checkpoint: Checkpoint,
    options: LoadOptions = {},
  ): Promise<Engine> {
    const weights = await loadWeights(backend, checkpoint, options);
    const engine = Engine.#of(backend, checkpoint, weights);
    try {
      // A GPU tells only then that there was no memory.
      await backend.read(weights.outputNorm, 1);
      return engine;
    } catch (error) {
      engine[Symbol.dispose]();
      throw error;
    }
  }

  static #of(
    backend: Backend,
    checkpoint: Checkpoint,
    weights: ModelWeights,
  ): Engine {
    try {
      return new Engine(backend, checkpoint, weights);
    } catch (error) {
      weights.memory[Symbol.dispose]();
      throw error;
    }
  }

  /** Gives the memory of weights and activations back. */
  [Symbol.dispose](): void {
    this.decoder.dispose();
    this.#weights.memory[Symbol.dispose]();
  }
}
