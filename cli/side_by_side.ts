/** Writes somewhere, a whole line or a part of one. */
export type Write = (text: string) => void;

/** Two texts that grow, each in lines of a given form, beside each other. */
export class SideBySide {
  readonly #write: Write;
  readonly #ends: readonly number[];
  readonly #expected: string;
  readonly #isTerminal: boolean;
  readonly #width: number;
  readonly #texts: [string, string] = ["", ""];
  #line = 0;

  /**
   * @param expected What both should become; what differs is marked.
   * @param ends Where its lines end, in characters.
   * @param isTerminal Whether a line can be shown while it grows, in colours.
   */
  constructor(
    write: Write,
    expected: string,
    ends: readonly number[],
    isTerminal: boolean,
  ) {
    this.#write = write;
    this.#expected = expected;
    this.#ends = ends;
    this.#isTerminal = isTerminal;
    const starts = [0, ...ends];
    // Two signs before each text say whether all is well.
    this.#width = 4 + Math.max(...ends.map((end, i) => end - starts[i]!));
  }

  /** A line of titles. */
  head(left: string, right: string): void {
    this.#write(`${left.padEnd(this.#width)}${right}\n`);
  }

  /** A text goes on. */
  push(side: 0 | 1, piece: string): void {
    this.#texts[side] += piece;
    while (this.#texts.every(({ length }) => length >= this.#end)) {
      this.#show("\n");
      if (++this.#line === this.#ends.length) return;
    }
    if (this.#isTerminal) this.#show("");
  }

  /** Both have ended, wherever they are. */
  close(): void {
    while (this.#texts.some(({ length }) => length > this.#start)) {
      this.#show("\n");
      this.#line++;
    }
  }

  /** Where the line begins. */
  get #start(): number {
    return this.#line > 0 ? this.#ends[this.#line - 1] ?? Infinity : 0;
  }

  /** Where the line ends; nothing is after the last one. */
  get #end(): number {
    return this.#ends[this.#line] ?? Infinity;
  }

  #show(end: string): void {
    const [left, right] = this.#texts.map((text) =>
      text.slice(this.#start, this.#end)
    );
    const padding = " ".repeat(this.#width - 2 - left!.length);
    const line = this.#marked(left!) + padding + this.#marked(right!);
    this.#write((this.#isTerminal ? "\r\x1b[K" : "") + line.trimEnd() + end);
  }

  /** A piece of the line, with `!` before it and in red where it is wrong. */
  #marked(piece: string): string {
    const wanted = this.#expected.slice(this.#start, this.#end);
    const isRight = wanted.startsWith(piece);
    const text = this.#isTerminal
      ? Array.from(
        piece,
        (character, i) =>
          character === wanted[i] ? character : `\x1b[31m${character}\x1b[0m`,
      )
        .join("")
      : piece;
    return `${isRight ? " " : "!"} ${text}`;
  }
}
