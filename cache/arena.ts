import { Allocations } from "../kernels/allocations.ts";
import { vectorBytes } from "../kernels/cache_bytes.ts";
import type { Backend } from "../kernels/backend.ts";
import type { CacheType, Tensor } from "../kernels/tensors.ts";
import {
  allocateScratch,
  type EvictionScratch,
  scratchBytes,
} from "./eviction.ts";
import {
  allocateGroups,
  type CacheShape,
  formFor,
  type HeadGroup,
  headsPerGroup,
  type Layer,
  type LayerForm,
} from "./layer.ts";
import type { Policy } from "./policy.ts";

/** Most slots of a head that are moved at once. */
const MOST_MOVED = 256;

/** Consecutive slots of every head of every layer. */
export interface Region {
  readonly start: number;
  readonly slots: number;
}

/**
 * Slots that several caches share, allocated once. Each cache has a region;
 * regions change in size and place, and their tokens move within the arena.
 */
export class CacheArena {
  /** Intermediate results of evictions, for as many slots as there are. */
  readonly scratch: EvictionScratch;
  readonly #backend: Backend;
  readonly #memory: Allocations;
  /** Whole groups, by layer. */
  readonly #groups: readonly (readonly HeadGroup[])[];
  /** Keys or values on their way: a GPU cannot copy within a buffer. */
  readonly #passage: Tensor;

  /**
   * @param form What is kept of each token; of queries nothing.
   * @throws {RangeError} when memory runs out.
   */
  constructor(
    backend: Backend,
    shape: CacheShape,
    slots: number,
    policy: Policy,
    form: LayerForm,
  ) {
    const { type } = form;
    const heads = headsPerGroup(shape, slots, type, backend.maxTensorBytes);
    const memory = new Allocations(backend);
    const moved = Math.min(slots, MOST_MOVED);
    const allocate = () => ({
      groups: Array.from(
        { length: shape.layers },
        () => allocateGroups(memory, shape, slots, heads, policy, form),
      ),
      scratch: allocateScratch(memory, heads, slots),
      passage: memory.tensor([heads, moved, shape.headDim], type),
    });
    const { groups, scratch, passage } = memory.attempt(allocate);
    this.#backend = backend;
    this.#memory = memory;
    this.#groups = groups;
    this.scratch = scratch;
    this.#passage = passage;
  }

  /** Groups of a layer whose slots are those of a region. */
  view(layer: number, policy: Policy, { start, slots }: Region): HeadGroup[] {
    const { sums: hasSums, history, tally, squares } = formFor(policy, "f32");
    const part = (tensor: Tensor | undefined, isKept = true) =>
      isKept && tensor
        ? this.#backend.slice(tensor, start, start + slots)
        : undefined;
    return this.#groups[layer].map((whole) => {
      const sums = part(whole.sums, hasSums);
      const tallied = part(whole.tally?.sums, tally) ?? sums;
      return {
        first: whole.first,
        heads: whole.heads,
        keys: part(whole.keys)!,
        values: part(whole.values)!,
        positions: part(whole.positions)!,
        sums,
        history: part(whole.history, history),
        tally: tallied && {
          sums: tallied,
          squares: part(whole.tally?.squares, squares),
          heads: policy.heads ?? "max",
        },
      };
    });
  }

  /** Moves a cache's tokens to a region that begins elsewhere. */
  move(layers: readonly Layer[], from: number, to: number): void {
    const { scores, order } = this.scratch;
    layers.forEach(({ cached, remembered }, layer) => {
      for (const group of this.#groups[layer]) {
        const { keys, values, positions, sums, history, tally } = group;
        const numbers = new Set([sums, tally?.sums, tally?.squares]);
        this.#shift(keys, this.#passage, from, to, cached);
        this.#shift(values, this.#passage, from, to, cached);
        this.#shift(positions, order, from, to, cached);
        for (const tensor of numbers) {
          if (tensor) this.#shift(tensor, scores, from, to, cached);
        }
        if (history) this.#shift(history, scores, from, to, remembered);
      }
    });
  }

  /** Bytes of everything beside the slots. */
  get scratchBytes(): number {
    const [heads, slots, headDim] = this.#passage.shape;
    const type = this.#passage.dtype as CacheType;
    const passage = heads * slots * vectorBytes(type, headDim);
    return scratchBytes(this.scratch) + passage;
  }

  /** Gives the memory back. */
  [Symbol.dispose](): void {
    this.#memory[Symbol.dispose]();
  }

  /** Moves `n` slots of each head, a part at a time from the side they go to. */
  #shift(
    tensor: Tensor,
    passage: Tensor,
    from: number,
    to: number,
    n: number,
  ): void {
    const backend = this.#backend;
    const [heads, most] = passage.shape;
    for (let done = 0; done < n;) {
      const m = Math.min(most, n - done);
      const at = to < from ? done : n - done - m;
      const part = backend.slice(passage, 0, m);
      const [source, target] = [from + at, to + at].map((start) =>
        backend.slice(tensor, start, start + m)
      );
      backend.copy(source, 0, part, 0, heads);
      backend.copy(part, 0, target, 0, heads);
      done += m;
    }
  }
}
