import type { Backend, Tensor } from "../kernels/ops.ts";
import type { Layer } from "./layer.ts";

/** One eviction of one layer, as training masks need it. */
export interface EvictionRecord {
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

/** An eviction whose results are still the backend's. */
interface Pending {
  layer: number;
  seen: number;
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
   * Notes an eviction that has just run.
   *
   * @param select `[kvHeads, slots]`, of which `older` entries count.
   */
  note(index: number, layer: Layer, select: Tensor, older: number): void {
    this.#pending.push({
      layer: index,
      seen: layer.seen,
      positions: this.#clone(layer.positions, layer.cached),
      select: this.#clone(select, older),
      history: layer.history && this.#clone(layer.history, layer.remembered),
    });
  }

  /** All evictions so far, the oldest first. */
  async read(): Promise<EvictionRecord[]> {
    for (const entry of this.#pending.splice(0)) {
      this.#records.push(await this.#fetch(entry));
    }
    return [...this.#records];
  }

  /** Forgets everything. */
  clear(): void {
    this.#records.length = 0;
    for (const entry of this.#pending.splice(0)) this.#free(entry);
  }

  #clone(tensor: Tensor, width: number): Tensor {
    const kvHeads = tensor.shape[0];
    const copy = this.#backend.tensor([kvHeads, width], tensor.dtype);
    const source = this.#backend.slice(tensor, 0, width);
    this.#backend.copy(source, 0, copy, 0, kvHeads);
    return copy;
  }

  async #fetch(entry: Pending): Promise<EvictionRecord> {
    const { layer, seen, positions, select, history } = entry;
    const record = {
      layer,
      seen,
      positions: await this.#rows(positions) as Int32Array[],
      select: await this.#rows(select) as Float32Array[],
      history: history ? await this.#rows(history) as Float32Array[] : [],
    };
    for (const row of record.positions) row.sort();
    this.#free(entry);
    return record;
  }

  async #rows(tensor: Tensor): Promise<(Float32Array | Int32Array)[]> {
    const [kvHeads, width] = tensor.shape;
    const all = await this.#backend.read(tensor);
    return Array.from(
      { length: kvHeads },
      (_, h) => all.slice(h * width, (h + 1) * width),
    );
  }

  #free({ positions, select, history }: Pending): void {
    this.#backend.free(positions);
    this.#backend.free(select);
    if (history) this.#backend.free(history);
  }
}
