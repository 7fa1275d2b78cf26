import type { Policy } from "../policy.ts";

/** Keeps every token; appending fails when the budget is used up. */
export function full(): Policy {
  return { name: "full", score: "none", window: 1, interval: 1 };
}
