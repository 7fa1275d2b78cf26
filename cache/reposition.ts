import type { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type { SelectionCounts } from "../kernels/selection.ts";
import type { Tensor } from "../kernels/tensors.ts";
import type { HeadGroup, Layer } from "./layer.ts";
import type { RotaryEmbedding } from "./options.ts";

/**
 * Keeps the rotary position of every token equal to its rank, so that none is
 * beyond the cache's length (arXiv 2309.17453).
 */
export class Repositioner {
  readonly #backend: Backend;
  readonly #rotary: RotaryEmbedding;
  readonly #frequencies: Tensor;
  /** Angles of the queries, `[queries, headDim / 2, 2]`, when there are any. */
  readonly #angles: Tensor | undefined;

  /** @param queries Entries of a layer's ring of queries; 0 for none. */
  constructor(
    backend: Backend,
    memory: Allocations,
    rotary: RotaryEmbedding,
    queries: number,
  ) {
    const pairs = rotary.frequencies.length;
    this.#backend = backend;
    this.#rotary = rotary;
    this.#frequencies = memory.tensor([1, pairs]);
    this.#angles = queries ? memory.tensor([queries, pairs, 2]) : undefined;
    backend.write(this.#frequencies, rotary.frequencies);
  }

  /** Bytes of frequencies and angles. */
  get bytes(): number {
    const { length } = this.#rotary.frequencies;
    const [queries] = this.#angles?.shape ?? [0];
    return (1 + 2 * queries) * length * Float32Array.BYTES_PER_ELEMENT;
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
    if (!queries || !this.#angles) return;
    const { frequencies, pairing } = this.#rotary;
    const [entries] = queries.shape;
    const pairs = Array.from(frequencies, (frequency) => {
      const angle = shift * frequency;
      return [Math.cos(angle), Math.sin(angle)];
    });
    const all = Array.from({ length: entries }, () => pairs.flat());
    this.#backend.write(this.#angles, all.flat());
    this.#backend.rope(queries, this.#angles, entries, pairing);
  }
}
