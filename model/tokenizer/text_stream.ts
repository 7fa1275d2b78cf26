const SPACE = 0x20;

/** What a {@linkcode TextStream} needs of a tokenizer. */
export interface TokenReader {
  /** The exact bytes a token stands for; empty for control tokens. */
  bytes(id: number): Uint8Array;
  /** Whether encoding put a space before the text that is none of its own. */
  readonly prefixSpace: boolean;
}

/**
 * Turns tokens into text while they arrive and never cuts a UTF-8 character:
 * bytes of an unfinished one are held back until it is complete. Bytes that
 * are no UTF-8 become U+FFFD.
 *
 * @example
 * ```ts
 * import { TextStream } from "@gkv/gkv";
 * import { assertEquals } from "@std/assert";
 *
 * const bytes = new TextEncoder().encode("é");
 * const reader = { prefixSpace: false, bytes: (id: number) => bytes.slice(id, id + 1) };
 * const stream = new TextStream(reader);
 * assertEquals([stream.push(0), stream.push(1), stream.flush()], ["", "é", ""]);
 * ```
 */
export class TextStream {
  readonly #tokens: TokenReader;
  #decoder: TextDecoder = newDecoder();
  #stripSpace: boolean;

  /**
   * Starts a stream of text.
   *
   * @param tokens The tokenizer.
   * @param options `startOfText`: the first token begins a text, so that the
   *   space which SentencePiece puts there is dropped; otherwise the tokens
   *   go on from a text before them, and the space belongs to it.
   */
  constructor(tokens: TokenReader, options: { startOfText?: boolean } = {}) {
    this.#tokens = tokens;
    this.#stripSpace = tokens.prefixSpace && (options.startOfText ?? false);
  }

  /** Takes one token and returns the text that is complete by now. */
  push(id: number): string {
    const bytes = this.#tokens.bytes(id);
    if (bytes.length === 0) return "";
    const start = this.#stripSpace && bytes[0] === SPACE ? 1 : 0;
    this.#stripSpace = false;
    return this.#decoder.decode(bytes.subarray(start), { stream: true });
  }

  /** Ends the text: what was held back comes out, as U+FFFD. */
  flush(): string {
    return this.#decoder.decode();
  }
}

/** Keeps U+FEFF, which is text like any other within a generation. */
function newDecoder(): TextDecoder {
  return new TextDecoder("utf-8", { ignoreBOM: true });
}
