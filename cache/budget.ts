import type { Policy } from "./policy.ts";

/**
 * How much a cache may hold: bytes of all layers together, tokens per head, or
 * a share of the context length, but no fewer than `minTokens`.
 *
 * Tokens are what an eviction leaves; up to `interval` more come on top before
 * the next one. Bytes are never exceeded: those extra tokens are inside.
 */
export type Budget =
  | { readonly bytes: number }
  | { readonly tokens: number }
  | { readonly ratio: number; readonly minTokens?: number };

/** A budget in numbers. */
export interface ResolvedBudget {
  /** Tokens that an eviction leaves. */
  tokens: number;
  /** Slots per layer and head; all are allocated. */
  slots: number;
}

/** What {@linkcode resolveBudget} has to know of the cache. */
export interface BudgetContext {
  policy: Policy;
  /** Bytes of one slot in all layers and heads. */
  slotBytes: number;
  /** Tokens of a whole text, for a ratio. */
  contextLength: number | undefined;
}

/**
 * Turns a budget into slots.
 *
 * @throws {RangeError} naming the least budget that works, when it is too small.
 * @throws {TypeError} when it has none of the forms.
 */
export function resolveBudget(
  budget: Budget,
  context: BudgetContext,
): ResolvedBudget {
  const { policy, slotBytes } = context;
  const slack = slackOf(policy);
  const tokens = "bytes" in budget
    ? Math.floor(finite(budget, budget.bytes) / slotBytes) - slack
    : tokensOf(budget, context.contextLength);
  const least = leastTokens(policy);
  if (tokens < least) throw tooSmall(budget, context, least, slack);
  return { tokens, slots: tokens + slack };
}

/** Tokens that may come on top of the budget's before the next eviction. */
export function slackOf({ score, interval }: Policy): number {
  return score === "none" ? 0 : interval;
}

/** Fewest tokens that an eviction can leave. */
export function leastTokens({ window, sinks = 0 }: Policy): number {
  return window + Math.max(1, sinks);
}

function tokensOf(
  budget: Exclude<Budget, { bytes: number }>,
  contextLength: number | undefined,
): number {
  if ("tokens" in budget) return Math.floor(finite(budget, budget.tokens));
  const { ratio, minTokens = 0 } = budget;
  if (contextLength === undefined) {
    throw new TypeError(
      `Cannot use budget ${JSON.stringify(budget)}: a ratio is one of ` +
        `contextLength, which is missing`,
    );
  }
  const share = Math.floor(finite(budget, ratio) * contextLength);
  return Math.max(share, finite(budget, minTokens));
}

function finite(budget: Budget, value: number): number {
  if (Number.isFinite(value)) return value;
  throw new TypeError(
    `Cannot use budget ${JSON.stringify(budget)}: finite { bytes }, ` +
      `{ tokens } or { ratio, minTokens } is needed`,
  );
}

function tooSmall(
  budget: Budget,
  { policy, slotBytes, contextLength }: BudgetContext,
  least: number,
  slack: number,
): RangeError {
  const needed = "bytes" in budget
    ? `${(least + slack) * slotBytes} bytes`
    : "tokens" in budget
    ? `${least} tokens`
    : `a ratio of ${least / contextLength!} or ${least} minTokens`;
  return new RangeError(
    `Cannot use budget ${JSON.stringify(budget)} with policy ${policy.name} ` +
      `(window ${policy.window}, interval ${policy.interval}): it is too ` +
      `small, at least ${needed} is needed`,
  );
}
