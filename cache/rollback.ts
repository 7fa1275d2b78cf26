import type { Layer } from "./layer.ts";
import type { Phase } from "./options.ts";
import type { Policy } from "./policy.ts";

/**
 * Most tokens that can be taken back: as many queries more than the window's
 * are kept, so that those that score are there again afterwards.
 */
export const REVOCABLE = 7;

/** Entries of a layer's ring of queries; none where none score. */
export function queriesKept({ score, window }: Policy): number {
  const scores = score === "attention" || typeof score === "function";
  return scores ? window + REVOCABLE : 0;
}

/** Whether tokens can be taken back: the attention they paid may be in a total. */
export function isRevocable({ score }: Policy): boolean {
  return score !== "total";
}

/** Counts the `n` queries of a call of `attend` that can be taken back. */
export function noteRevocable(
  layer: Layer,
  policy: Policy,
  n: number,
  phase: Phase,
): void {
  const generated = phase === "decode" && n === 1 && isRevocable(policy);
  layer.revocable = generated ? Math.min(layer.revocable + 1, REVOCABLE) : 0;
}

/**
 * Makes a layer forget its `n` newest tokens: they are in the last slots in
 * use, and their queries are the last of the ring.
 */
function takeBack(layer: Layer, n: number, interval: number): void {
  layer.cached -= n;
  layer.seen -= n;
  layer.revocable -= n;
  // What they paid cannot be taken back: a second pass will score.
  layer.tallied = 0;
  // A time at which nothing was over the budget may lie in between.
  layer.generated = modulo(layer.generated - n, interval);
  const ring = layer.queries?.shape[0];
  if (ring) layer.next = modulo(layer.next - n, ring);
}

/**
 * Makes all layers forget their `n` newest tokens.
 *
 * @throws {RangeError} for tokens that cannot be taken back; nothing changes.
 */
export function rollBack(
  layers: readonly Layer[],
  n: number,
  interval: number,
): void {
  checkRevocable(layers, n);
  for (const layer of layers) takeBack(layer, n, interval);
}

/** Refuses to take back what is not there to be taken back. */
function checkRevocable(layers: readonly Layer[], n: number): void {
  const most = Math.min(
    ...layers.map(({ pending, revocable }) => pending ? 0 : revocable),
  );
  if (Number.isInteger(n) && n >= 0 && n <= most) return;
  throw new RangeError(
    `Cannot roll back ${n} tokens: ${most} can be taken back, the last ` +
      `${REVOCABLE} that were generated since the last prompt and eviction, and ` +
      `none of a policy that adds up all attention`,
  );
}

/** The remainder that is never negative. */
function modulo(value: number, divisor: number): number {
  return (value % divisor + divisor) % divisor;
}
