import { Fields } from "../checkpoint/fields.ts";

/** The kinds of fields that only a tokenizer's part of GGUF metadata has. */
export class TokenizerFields extends Fields {
  /** A string; `undefined` when the field is absent. */
  optionalText(field: string): string | undefined {
    return this.get(field) === undefined ? undefined : this.text(field);
  }

  /** A truth value. */
  flag(field: string, fallback: boolean): boolean {
    const value = this.get(field) ?? fallback;
    if (typeof value === "boolean") return value;
    this.fail(field, "true or false is needed");
  }

  /** A token id below `vocabulary`; `undefined` when the field is absent. */
  tokenId(field: string, vocabulary: number): number | undefined {
    const value = this.get(field);
    if (value === undefined) return undefined;
    const id = asNumber(value);
    if (Number.isInteger(id) && id >= 0 && id < vocabulary) return id;
    this.fail(field, `a token id below ${vocabulary} is needed`);
  }

  /** A list of strings. */
  strings(field: string): string[] {
    const list = this.#list(field);
    const wrong = list.findIndex((value) => typeof value !== "string");
    if (wrong >= 0) this.failEntry(field, wrong, "a string is needed");
    return list as string[];
  }

  /** A list of `length` finite numbers. */
  numbers(field: string, length: number): number[] {
    const list = this.#list(field).map(asNumber);
    if (list.length !== length) {
      this.fail(field, `a list of ${length} is needed`);
    }
    const wrong = list.findIndex((value) => !Number.isFinite(value));
    if (wrong >= 0) this.failEntry(field, wrong, "a number is needed");
    return list;
  }

  /** Throws the error of one entry of a list. */
  failEntry(field: string, index: number, needed: string): never {
    const entry = { [index]: this.#list(field)[index] };
    return new Fields(this.file, entry, `${field}.`).fail(`${index}`, needed);
  }

  #list(field: string): unknown[] {
    const value = this.get(field);
    if (Array.isArray(value)) return value;
    this.fail(field, "a list is needed");
  }
}

/** Number or the bigint that a 64-bit field is read as; else `NaN`. */
function asNumber(value: unknown): number {
  return typeof value === "number" || typeof value === "bigint"
    ? Number(value)
    : NaN;
}
