import { ModelFormatError } from "./error.ts";

/**
 * Fields of a model file's metadata, which is not to be trusted: every getter
 * gives a value of the wanted kind or throws a {@linkcode ModelFormatError}
 * that names file and field. A `null` counts as absent, as it does in the
 * `config.json` files of transformers.
 */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #prefix: string;

  /**
   * Fields of one object.
   *
   * @param file File name, as errors show it.
   * @param values Untrusted fields; only own properties are looked at.
   * @param prefix Put before a field's name in errors: `rope_scaling.`.
   */
  constructor(
    readonly file: string,
    values: Record<string, unknown>,
    prefix = "",
  ) {
    this.#values = values;
    this.#prefix = prefix;
  }

  /** The value as the file has it; `undefined` when it has none. */
  get(field: string): unknown {
    if (!Object.hasOwn(this.#values, field)) return undefined;
    return this.#values[field] ?? undefined;
  }

  /** Names of all fields. */
  names(): string[] {
    return Object.keys(this.#values);
  }

  /** A whole number of at least 1 and below 2^31. */
  count(field: string, fallback?: number): number {
    const value = this.#number(field, fallback);
    if (Number.isInteger(value) && value >= 1 && value < 2 ** 31) return value;
    this.fail(field, "a whole number from 1 to 2147483647 is needed");
  }

  /** A finite number above 0. */
  positive(field: string, fallback?: number): number {
    const value = this.#number(field, fallback);
    if (value > 0 && value < Infinity) return value;
    this.fail(field, "a number above 0 is needed");
  }

  /** A string. */
  text(field: string, fallback?: string): string {
    const value = this.get(field) ?? fallback;
    if (typeof value === "string") return value;
    this.fail(field, "a string is needed");
  }

  /** Fields inside this field; `undefined` when it is absent. */
  inner(field: string): Fields | undefined {
    const value = this.get(field);
    if (value === undefined) return undefined;
    if (isRecord(value)) {
      return new Fields(this.file, value, `${this.#prefix}${field}.`);
    }
    this.fail(field, "an object is needed");
  }

  /** Throws the error of a field that cannot be used as it is. */
  fail(field: string, needed: string): never {
    const value = this.get(field);
    const state = value === undefined ? "is missing" : `is ${shown(value)}`;
    throw new ModelFormatError(
      `Cannot open ${this.file}: ${this.#prefix}${field} ${state}, ${needed}`,
    );
  }

  /** Number or the bigint that a 64-bit GGUF field is read as; else `NaN`. */
  #number(field: string, fallback?: number): number {
    const value = this.get(field) ?? fallback;
    if (typeof value === "number") return value;
    return typeof value === "bigint" ? Number(value) : NaN;
  }
}

/** Whether a parsed value is an object with fields. */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A value in an error: short, whatever the file holds. */
function shown(value: unknown): string {
  if (Array.isArray(value)) {
    return value.length > 4
      ? `a list of ${value.length}`
      : `[${value.map(shown).join(", ")}]`;
  }
  if (isRecord(value)) return "an object";
  return typeof value === "string"
    ? JSON.stringify(value.slice(0, 60))
    : String(value);
}
