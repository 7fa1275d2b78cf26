import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import type { HeadGroup } from "./layer.ts";

/** One eviction of one layer, as training masks need it. */
export interface EvictionRecord {
  /** Layer it ran on. */
  layer: number;
  /** Tokens seen when it ran: they attended to what was cached before it. */
  seen: number;
  /** Positions that stayed, ascending, per KV head. */
  positions: Int32Array[];
  /** What was selected by, from the oldest token to the window, per KV head. */
  select: Float32Array[];
  /** Scores remembered for the next eviction, per KV head; empty without. */
  history: Float32Array[];
}

/** When an eviction ran and how many entries it left of what. */
export interface EvictionExtent {
  layer: number;
  seen: number;
  /** Tokens that stayed. */
  tokens: number;
  /** Tokens that were selected from: all but the window. */
  older: number;
  /** Scores remembered. */
  remembered: number;
}

/** An eviction from a group of heads whose results are still the backend's. */
interface Pending {
  extent: EvictionExtent;
  isFirst: boolean;
  positions: Tensor;
  select: Tensor;
  history: Tensor | undefined;
}

/** Copies what evictions kept, and reads it when it is asked for. */
export class EvictionLog {
  readonly #backend: Backend;
  readonly #pending: Pending[] = [];
  readonly #records: EvictionRecord[] = [];

  constructor(backend: Backend) {
    this.#backend = backend;
  }

  /**
   * Notes an eviction that has just run on a group of heads; those of a layer
   * come one after the other.
   *
   * @param finalScores `[heads, slots]`, what was selected by.
   */
  note(extent: EvictionExtent, group: HeadGroup, finalScores: Tensor): void {
    const { tokens, older, remembered } = extent;
    this.#pending.push({
      extent,
      isFirst: group.first === 0,
      positions: this.#clone(group.positions, tokens),
      select: this.#clone(finalScores, older),
      history: group.history && this.#clone(group.history, remembered),
    });
  }

  /** All evictions so far, the oldest first. */
  async read(): Promise<EvictionRecord[]> {
    for (const entry of this.#pending.splice(0)) await this.#fetch(entry);
    return [...this.#records];
  }

  /** Forgets everything. */
  clear(): void {
    this.#records.length = 0;
    for (const entry of this.#pending.splice(0)) this.#free(entry);
  }

  #clone(tensor: Tensor, width: number): Tensor {
    const heads = tensor.shape[0];
    const copy = this.#backend.tensor([heads, width], tensor.dtype);
    const source = this.#backend.slice(tensor, 0, width);
    this.#backend.copy(source, 0, copy, 0, heads);
    return copy;
  }

  async #fetch(entry: Pending): Promise<void> {
    const { extent, isFirst, positions, select, history } = entry;
    if (isFirst) this.#records.push(emptyRecord(extent));
    const record = this.#records.at(-1)!;
    const held = await this.#rows(positions) as Int32Array[];
    record.positions.push(...held.map((row) => row.sort()));
    record.select.push(...await this.#rows(select) as Float32Array[]);
    if (history) {
      record.history.push(...await this.#rows(history) as Float32Array[]);
    }
    this.#free(entry);
  }

  async #rows(tensor: Tensor): Promise<(Float32Array | Int32Array)[]> {
    const [heads, width] = tensor.shape;
    const all = await this.#backend.read(tensor);
    return Array.from(
      { length: heads },
      (_, h) => all.slice(h * width, (h + 1) * width),
    );
  }

  #free({ positions, select, history }: Pending): void {
    this.#backend.free(positions);
    this.#backend.free(select);
    if (history) this.#backend.free(history);
  }
}

function emptyRecord({ layer, seen }: EvictionExtent): EvictionRecord {
  return { layer, seen, positions: [], select: [], history: [] };
}
