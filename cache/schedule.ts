import type { CacheLimits } from "./home.ts";
import type { Layer } from "./layer.ts";
import type { KVCacheOptions, Phase } from "./options.ts";
import type { Policy } from "./policy.ts";

/** What a {@linkcode Schedule} goes by. */
export interface ScheduleOptions {
  policy: Policy;
  /** What the cache may hold now. */
  limits: CacheLimits;
  /** What the text has at a position; for policies that evict at newlines. */
  boundaryAt: KVCacheOptions["boundaryAt"];
}

/** What a {@linkcode Schedule} remembers of the text. */
export interface ScheduleProgress {
  /** Tokens of the first prompt that stay. */
  readonly protected: number;
  /** Whether that prompt has not ended yet. */
  readonly isFirstPrompt: boolean;
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

  /** What it remembers of the text. */
  get progress(): ScheduleProgress {
    return { protected: this.#protected, isFirstPrompt: this.#firstPrompt };
  }

  /** Goes on from what another one remembers. */
  resume({ protected: first, isFirstPrompt }: ScheduleProgress): void {
    this.#protected = first;
    this.#firstPrompt = isFirstPrompt;
  }

  /**
   * Whether a layer evicts after the attention it has just computed.
   *
   * @param isLast Whether it is the last layer of the model.
   */
  isDue(layer: Layer, phase: Phase, isLast: boolean): boolean {
    const { policy, limits: { tokens, slots } } = this.#options;
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
  stepsToEviction(
    { cached, generated }: Pick<Layer, "cached" | "generated">,
  ): number {
    const { policy: { score, interval, at }, limits } = this.#options;
    const { tokens, slots } = limits;
    const room = slots - cached;
    if (score === "none") return room;
    if (at === "newline") return Math.max(0, Math.min(tokens - cached, room));
    const due = interval - generated;
    const missing = Math.max(0, tokens + 1 - cached - due);
    const later = Math.ceil(missing / interval) * interval;
    return Math.min(due + later - 1, room);
  }

  /**
   * Queries of the window before the one token that is being generated, if
   * the window is the last before an eviction; below 0 if not.
   */
  windowBefore(layer: Layer): number {
    const { policy: { window, at } } = this.#options;
    if (at === "newline") return -1;
    const { cached, generated } = layer;
    const steps = this.stepsToEviction({ cached: cached - 1, generated });
    return window - 1 - steps;
  }

  /** Starts over. */
  reset(): void {
    this.#protected = 0;
    this.#firstPrompt = true;
  }

  /** Tokens of the first prompt are the lowest ranks for as long as they stay. */
  #protectFirst(layer: Layer, phase: Phase, isLast: boolean): void {
    if (phase !== "decode") {
      const { protectMost } = this.#options.limits;
      // Never fewer than before: a pool may have made the budget smaller.
      const wanted = Math.min(layer.seen, protectMost);
      this.#protected = Math.max(this.#protected, wanted);
    }
    if (isLast && phase !== "prompt") this.#firstPrompt = false;
  }

  #isDueInDecode(layer: Layer): boolean {
    const { policy: { score, interval, at }, limits } = this.#options;
    const isOver = score !== "none" && layer.cached > limits.tokens;
    const isTime = ++layer.generated >= interval ||
      at === "newline" && isOver && this.#isNewline(layer.seen - 1);
    if (isTime) layer.generated = 0;
    return isTime && isOver;
  }

  #isNewline(position: number): boolean {
    return this.#options.boundaryAt?.(position) === "newline";
  }
}
