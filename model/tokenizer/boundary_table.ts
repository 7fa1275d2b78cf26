import type { Boundary } from "../../cache/options.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Which tokens end something, looked at when they are first asked for. */
export class BoundaryTable {
  readonly #tokenizer: Pick<Tokenizer, "bytes">;
  readonly #known = new Map<number, Boundary | undefined>();
  readonly #decoder = new TextDecoder();

  constructor(tokenizer: Pick<Tokenizer, "bytes">) {
    this.#tokenizer = tokenizer;
  }

  /**
   * A newline if there is one in the token's text, a separator if there is
   * nothing but `.,;:!?` and white space in it.
   */
  of(id: number): Boundary | undefined {
    if (!this.#known.has(id)) this.#known.set(id, this.#look(id));
    return this.#known.get(id);
  }

  #look(id: number): Boundary | undefined {
    const text = this.#decoder.decode(this.#tokenizer.bytes(id));
    if (text.includes("\n")) return "newline";
    return /^\s*[.,;:!?]+\s*$/.test(text) ? "separator" : undefined;
  }
}
