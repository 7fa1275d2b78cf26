import type { SelectionRule } from "../kernels/ops.ts";

/**
 * An eviction method: parameters of the one pipeline in `eviction.ts`, which
 * is local score → history → pool → redundancy → select → compact. A stage
 * whose parameter is absent is left out.
 */
export interface Policy extends SelectionRule {
  /** As figures and errors show it. */
  readonly name: string;
  /**
   * Local score: `"attention"` that the window's queries pay to a token,
   * `"recency"` of its position, or `"none"`: nothing is ever evicted.
   */
  readonly score: "attention" | "recency" | "none";
  /** Newest tokens that always stay, and whose queries do the scoring. */
  readonly window: number;
  /** Generated tokens between evictions. */
  readonly interval: number;
  /** Oldest tokens that always stay (attention sinks, arXiv 2309.17453). */
  readonly sinks?: number;
  /** Standard deviations over the window added to the mean attention. */
  readonly shift?: number;
}

/**
 * Refuses a policy whose parameters make no sense.
 *
 * @throws {RangeError} naming the parameter, its value and what is allowed.
 */
export function checkPolicy(policy: Policy): void {
  const { name, window, interval, sinks = 0, pool = 1, history } = policy;
  const rules: [string, unknown, boolean, string][] = [
    ["window", window, isCount(window, 1), "a whole number from 1 on"],
    ["interval", interval, isCount(interval, 1), "a whole number from 1 on"],
    ["sinks", sinks, isCount(sinks, 0), "a whole number from 0 on"],
    ["pool", pool, isCount(pool, 1) && pool % 2 === 1, "an odd number"],
    ["shift", policy.shift, isShare(policy.shift, Infinity), "0 or more"],
    ["decay", history?.decay, isShare(history?.decay), "a number from 0 to 1"],
    ["mix", policy.redundancy?.mix, isShare(policy.redundancy?.mix), "0 to 1"],
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
