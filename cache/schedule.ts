import type { Layer } from "./layer.ts";
import type { Phase } from "./options.ts";
import type { Policy } from "./policy.ts";

/** What a {@linkcode Schedule} goes by; every size is in tokens of a head. */
export interface ScheduleOptions {
  policy: Policy;
  /** What an eviction leaves. */
  tokens: number;
  /** What a head can hold. */
  slots: number;
  /** Most tokens of the first prompt that are protected. */
  protectMost: number;
}

/** When evictions are due, and which of the oldest tokens they must leave. */
export class Schedule {
  readonly #options: ScheduleOptions;
  #protected = 0;
  #firstPrompt = true;

  constructor(options: ScheduleOptions) {
    this.#options = options;
  }

  /** Oldest tokens that stay: attention sinks, or a protected prompt. */
  get protect(): number {
    const { sinks = 0 } = this.#options.policy;
    return Math.max(sinks, this.#protected);
  }

  /**
   * Whether a layer evicts after the attention it has just computed.
   *
   * @param isLast Whether it is the last layer of the model.
   */
  isDue(layer: Layer, phase: Phase, isLast: boolean): boolean {
    const { policy, tokens, slots } = this.#options;
    if (this.#firstPrompt) this.#protectFirst(layer, phase, isLast);
    if (phase === "decode") return this.#isDueInDecode(layer);
    layer.generated = 0;
    const limit = phase === "promptEnd" ? tokens : slots - 1;
    return policy.score !== "none" && layer.cached > limit;
  }

  /**
   * Calls of `attend` with one generated token each that evict nothing, before
   * one that does or that has no room.
   */
  stepsToEviction({ cached, generated }: Layer): number {
    const { policy: { score, interval }, tokens, slots } = this.#options;
    const room = slots - cached;
    if (score === "none") return room;
    const due = interval - generated;
    const missing = Math.max(0, tokens + 1 - cached - due);
    const later = Math.ceil(missing / interval) * interval;
    return Math.min(due + later - 1, room);
  }

  /** Starts over. */
  reset(): void {
    this.#protected = 0;
    this.#firstPrompt = true;
  }

  /** Tokens of the first prompt are the lowest ranks for as long as they stay. */
  #protectFirst(layer: Layer, phase: Phase, isLast: boolean): void {
    if (phase !== "decode") {
      this.#protected = Math.min(layer.seen, this.#options.protectMost);
    }
    if (isLast && phase !== "prompt") this.#firstPrompt = false;
  }

  #isDueInDecode(layer: Layer): boolean {
    const { policy: { score, interval }, tokens } = this.#options;
    if (++layer.generated < interval) return false;
    layer.generated = 0;
    return score !== "none" && layer.cached > tokens;
  }
}
