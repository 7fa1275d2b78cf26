const encoder = new TextEncoder();

/**
 * A line on standard error that is written over: for what takes long. Silent
 * where nobody looks at it.
 */
export class ProgressLine {
  readonly #visible = Deno.stderr.isTerminal();
  #shown = false;
  #next = 0;

  /** Shows a text in place of the last one, ten times a second at most. */
  show(text: string): void {
    if (!this.#visible || performance.now() < this.#next) return;
    this.#next = performance.now() + 100;
    this.#shown = true;
    Deno.stderr.writeSync(encoder.encode(`\r\x1b[K${text}`));
  }

  /** Takes the line away. */
  clear(): void {
    if (this.#shown) Deno.stderr.writeSync(encoder.encode("\r\x1b[K"));
    this.#shown = false;
    this.#next = 0;
  }
}

/** `[######    ]  60% what` */
export function bar(done: number, total: number, what: string): string {
  const share = total > 0 ? Math.min(1, done / total) : 0;
  const filled = Math.round(share * 24);
  const percent = `${Math.floor(share * 100)}%`.padStart(4);
  return `[${"#".repeat(filled).padEnd(24)}] ${percent} ${what}`;
}

/**
 * `12 min left`, from what a share of the work has taken.
 *
 * @param start When it began, in milliseconds of `performance.now()`.
 */
export function remaining(start: number, share: number): string {
  const seconds = (performance.now() - start) / 1000 * (1 / share - 1);
  if (!Number.isFinite(seconds)) return "";
  return seconds < 90
    ? `${Math.round(seconds)} s left`
    : `${Math.round(seconds / 60)} min left`;
}
