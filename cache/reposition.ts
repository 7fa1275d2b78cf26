import type { Allocations } from "../kernels/allocations.ts";
import type { Backend, SelectionCounts, Tensor } from "../kernels/ops.ts";
import type { HeadGroup, Layer } from "./layer.ts";
import type { RotaryEmbedding } from "./options.ts";

/**
 * Keeps the rotary position of every token equal to its rank, so that none is
 * beyond the cache's length (arXiv 2309.17453).
 */
export class Repositioner {
  readonly #backend: Backend;
  readonly #memory: Allocations;
  readonly #rotary: RotaryEmbedding;
  readonly #frequencies: Tensor;
  /** Angles of the queries, `[queries, headDim / 2, 2]`, when there are any. */
  #angles: Tensor | undefined;

  constructor(backend: Backend, memory: Allocations, rotary: RotaryEmbedding) {
    this.#backend = backend;
    this.#memory = memory;
    this.#rotary = rotary;
    this.#frequencies = memory.tensor([1, rotary.frequencies.length]);
    backend.write(this.#frequencies, rotary.frequencies);
  }

  /** Turns the keys that stay to the ranks that they will have. */
  turnKeys(
    group: HeadGroup,
    order: Tensor,
    kept: Tensor,
    { n, k, window }: SelectionCounts,
  ): void {
    this.#backend.reposition(
      group,
      order,
      kept,
      n,
      k,
      window,
      this.#frequencies,
      this.#rotary.pairing,
    );
  }

  /** Turns the window's queries, whose ranks have changed by `shift`. */
  turnQueries({ queries }: Layer, shift: number): void {
    if (!queries) return;
    const { frequencies, pairing } = this.#rotary;
    const [entries] = queries.shape;
    const pairs = Array.from(frequencies, (frequency) => {
      const angle = shift * frequency;
      return [Math.cos(angle), Math.sin(angle)];
    });
    const shape = [entries, pairs.length, 2];
    this.#angles ??= this.#memory.tensor(shape);
    const all = Array.from({ length: entries }, () => pairs.flat());
    this.#backend.write(this.#angles, all.flat());
    this.#backend.rope(queries, this.#angles, entries, pairing);
  }
}
