import type { Backend } from "../kernels/backend.ts";
import type { CacheHome, SettledOptions } from "./home.ts";
import type { HeadGroup } from "./layer.ts";
import type { Phase } from "./options.ts";
import type { Policy } from "./policy.ts";
import { EvictionLog, type EvictionRecord } from "./record.ts";
import { Schedule, type ScheduleProgress } from "./schedule.ts";

/** How far a cache's evictions are. */
export interface EvictionProgress {
  /** What decides when the next ones are due. */
  readonly schedule: ScheduleProgress;
  /** Evictions so far; one of all layers counts once. */
  readonly evictions: number;
}

/** Evicts from a cache's layers when that is due, counts it and records it. */
export class Evictor {
  /** When evictions are due. */
  readonly schedule: Schedule;
  readonly #home: CacheHome;
  readonly #policy: Policy;
  readonly #log: EvictionLog | undefined;
  #evictions = 0;

  /** @param home Where the layers are. */
  constructor(
    backend: Backend,
    home: CacheHome,
    { policy, boundaryAt, record }: SettledOptions,
  ) {
    const { limits } = home;
    this.schedule = new Schedule({ policy, limits, boundaryAt });
    this.#home = home;
    this.#policy = policy;
    this.#log = record ? new EvictionLog(backend) : undefined;
  }

  /** Fewest tokens that an eviction could leave now, see {@linkcode KVCache}. */
  get leastTokens(): number {
    const { score, window } = this.#policy;
    if (score !== "none") return window + Math.max(1, this.schedule.protect);
    return Math.max(...this.#home.layers.map(({ cached }) => cached));
  }

  /** How far it is. */
  get progress(): EvictionProgress {
    return { schedule: this.schedule.progress, evictions: this.#evictions };
  }

  /** Goes on from where another one is. */
  resume({ schedule, evictions }: EvictionProgress): void {
    this.schedule.resume(schedule);
    this.#evictions = evictions;
  }

  /** Evicts from a layer if that is due after the attention just computed. */
  evictIfDue(index: number, phase: Phase): void {
    const { layers } = this.#home;
    const isLast = index === layers.length - 1;
    if (this.schedule.isDue(layers[index], phase, isLast)) this.#evict(index);
  }

  /** Evicts now from the layers that are over the budget. */
  evict(): void {
    const { layers, limits } = this.#home;
    layers.forEach(({ cached }, index) => {
      if (cached > limits.tokens) this.#evict(index);
    });
  }

  /** Every eviction so far, the oldest first, if they are recorded. */
  records(): Promise<EvictionRecord[]> {
    return this.#log?.read() ?? Promise.resolve([]);
  }

  /** Forgets the records. */
  clear(): void {
    this.#log?.clear();
  }

  /** Starts over. */
  reset(): void {
    this.clear();
    this.schedule.reset();
    this.#evictions = 0;
  }

  #evict(index: number): void {
    const { layers, limits: { tokens }, eviction } = this.#home;
    const layer = layers[index];
    const note = this.#noteOf(index);
    eviction.run(index, layer, tokens, this.schedule.protect, note);
    layer.revocable = layer.tallied = 0;
    if (index === layers.length - 1) this.#evictions++;
  }

  /** What records an eviction that is about to run. */
  #noteOf(index: number): ((group: HeadGroup) => void) | undefined {
    const log = this.#log;
    if (!log) return undefined;
    const { layers, limits: { tokens }, eviction } = this.#home;
    const { seen, cached } = layers[index];
    const { window } = this.#policy;
    const extent = {
      layer: index,
      seen,
      tokens,
      older: cached - window,
      remembered: tokens - window,
    };
    return (group) => log.note(extent, group, eviction.finalScores);
  }
}
