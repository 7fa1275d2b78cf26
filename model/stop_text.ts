/**
 * Finds the first of several texts in a stream, and holds back what may yet
 * become one.
 */
export class StopText {
  readonly #stops: readonly string[];
  #held = "";
  #found = false;

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop.length > 0);
  }

  /** Whether a stop text has come; nothing is given out afterwards. */
  get found(): boolean {
    return this.#found;
  }

  /** Takes a piece and gives what is certainly before any stop text. */
  push(piece: string): string {
    if (this.#found) return "";
    const text = this.#held + piece;
    const at = this.#stops.map((stop) => text.indexOf(stop))
      .filter((index) => index >= 0);
    this.#found = at.length > 0;
    const end = this.#found ? Math.min(...at) : text.length - this.#open(text);
    this.#held = this.#found ? "" : text.slice(end);
    return text.slice(0, end);
  }

  /** What was held back, when the stream has ended. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    return text;
  }

  /** Length of the longest end of `text` that a stop text starts with. */
  #open(text: string): number {
    const longest = Math.max(0, ...this.#stops.map((stop) => stop.length - 1));
    for (let n = Math.min(longest, text.length); n > 0; n--) {
      const tail = text.slice(-n);
      if (this.#stops.some((stop) => stop.startsWith(tail))) return n;
    }
    return 0;
  }
}
