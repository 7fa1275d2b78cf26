import type { Layer } from "./layer.ts";
import type { Phase } from "./options.ts";
import type { Policy } from "./policy.ts";
import type { Schedule } from "./schedule.ts";

/** Of attention whose weights nobody adds up. */
export const NO_TALLY = -1;

/**
 * How many queries a layer's tally holds before those that are about to
 * attend, or {@linkcode NO_TALLY}: `"total"` counts all of a text's, `"attention"` only
 * the window's before an eviction during generation; what a prompt or a
 * rollback interrupts is scored by a second pass.
 */
export function talliedBefore(
  layer: Layer,
  policy: Policy,
  schedule: Schedule,
  n: number,
  phase: Phase,
): number {
  if (policy.score === "total") return layer.seen - n;
  if (policy.score !== "attention") return NO_TALLY;
  const before = phase === "decode" && n === 1
    ? schedule.windowBefore(layer)
    : NO_TALLY;
  const goesOn = before === 0 || before > 0 && layer.tallied === before;
  layer.tallied = goesOn ? before + 1 : 0;
  return goesOn ? before : NO_TALLY;
}
