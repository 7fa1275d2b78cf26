import type { HeadRule } from "../kernels/layer_cache.ts";
import type { SelectionRule } from "../kernels/selection.ts";
import type { Scorer } from "./scorer.ts";

/**
 * What tokens are scored by: `"attention"` of the window's queries, `"total"`
 * attention of all queries so far, `"keydiff"`, the difference of the key from
 * the mean key, whether the token is among `"separators"`, `"recency"`,
 * `"random"`, or `"none"`: nothing is ever evicted.
 */
export type ScoreRule =
  | "attention"
  | "total"
  | "keydiff"
  | "separators"
  | "recency"
  | "random"
  | "none";

/**
 * An eviction method: parameters of the one pipeline in `eviction.ts`, which
 * is local score → history → pool → redundancy → select → compact. A stage
 * whose parameter is absent is left out.
 */
export interface Policy extends SelectionRule {
  /** As figures and errors show it. */
  readonly name: string;
  /** Local score, or a function that gives it. */
  readonly score: ScoreRule | Scorer;
  /** What becomes of the attention of several query heads; `"max"`. */
  readonly heads?: HeadRule;
  /** Newest tokens that always stay, and whose queries do the scoring. */
  readonly window: number;
  /** Generated tokens between evictions. */
  readonly interval: number;
  /**
   * Evict at the first newline over the budget, and after `interval` tokens at
   * the latest, instead of then alone.
   */
  readonly at?: "newline";
  /** Oldest tokens that always stay (attention sinks, arXiv 2309.17453). */
  readonly sinks?: number;
  /** Standard deviations over the window added to the mean attention. */
  readonly shift?: number;
  /** Of random scores; 0 by default. */
  readonly seed?: number;
}

/** Whether a policy has to know what stands where in the text. */
export function needsBoundaries({ score, at }: Policy): boolean {
  return score === "separators" || at === "newline";
}

/**
 * Refuses a policy whose parameters make no sense.
 *
 * @throws {RangeError} naming the parameter, its value and what is allowed.
 */
export function checkPolicy(policy: Policy): void {
  const { name, window, interval, sinks = 0, pool = 1, history } = policy;
  const { seed = 0, quota } = policy;
  const rules: [string, unknown, boolean, string][] = [
    ["window", window, isCount(window, 1), "a whole number from 1 on"],
    ["interval", interval, isCount(interval, 1), "a whole number from 1 on"],
    ["sinks", sinks, isCount(sinks, 0), "a whole number from 0 on"],
    ["pool", pool, isCount(pool, 1) && pool % 2 === 1, "an odd number"],
    ["shift", policy.shift, isShare(policy.shift, Infinity), "0 or more"],
    ["decay", history?.decay, isShare(history?.decay), "a number from 0 to 1"],
    ["mix", policy.redundancy?.mix, isShare(policy.redundancy?.mix), "0 to 1"],
    ["seed", seed, isCount(seed, 0) && seed < 2 ** 32, "0 to 2^32 - 1"],
    [
      "quota blocks",
      quota?.blocks,
      isCount(quota?.blocks ?? 1, 1),
      "1 or more",
    ],
    ["quota share", quota?.share, isShare(quota?.share), "0 to 1"],
  ];
  for (const [field, value, valid, needed] of rules) {
    if (valid) continue;
    throw new RangeError(
      `Cannot use policy ${name}: its ${field} is ${value}, ${needed} is needed`,
    );
  }
}

function isCount(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least;
}

function isShare(value: number | undefined, most = 1): boolean {
  return value === undefined || value >= 0 && value <= most;
}
