import { cannotRestore } from "./error.ts";

/** Reads the fields of an object that may say anything; refusals are `SnapshotError`s. */
export class Fields {
  readonly #values: Record<string, unknown>;
  readonly #path: string;

  /** @param path Where the object is, as errors show it. */
  constructor(value: unknown, path = "") {
    this.#path = path;
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw this.#refusal("", value, "an object");
    }
    this.#values = value as Record<string, unknown>;
  }

  /** Whether there is such a field. */
  has(name: string): boolean {
    return Object.hasOwn(this.#values, name);
  }

  /** What a reader makes of a field, if there is one. */
  optional<T>(name: string, read: () => T): T | undefined {
    return this.has(name) ? read() : undefined;
  }

  /** A whole number in bounds. */
  count(name: string, least: number, most: number): number {
    const value = this.#get(name);
    const isCount = Number.isSafeInteger(value) &&
      value as number >= least && value as number <= most;
    if (isCount) return value as number;
    throw this.#refusal(name, value, `a whole number ${least} to ${most}`);
  }

  /** A number in bounds. */
  number(name: string, least: number, most: number): number {
    const value = this.#get(name);
    if (typeof value === "number" && value >= least && value <= most) {
      return value;
    }
    throw this.#refusal(name, value, `a number ${least} to ${most}`);
  }

  /** `true` or `false`. */
  flag(name: string): boolean {
    const value = this.#get(name);
    if (typeof value === "boolean") return value;
    throw this.#refusal(name, value, "true or false");
  }

  /** One of some words. */
  oneOf<T extends string>(name: string, words: readonly T[]): T {
    const value = this.#get(name) as T;
    if (words.includes(value)) return value;
    throw this.#refusal(name, value, `one of ${words.join(", ")}`);
  }

  /** A text of no more than 1,000 characters. */
  text(name: string): string {
    const value = this.#get(name);
    if (typeof value === "string" && value.length <= 1000) return value;
    throw this.#refusal(name, value, "a text of 1000 characters at most");
  }

  /** An object in the object. */
  object(name: string): Fields {
    return new Fields(this.#get(name), `${this.#path}${name}.`);
  }

  /** Entries of an array in the object. */
  array(name: string, most: number): unknown[] {
    const value = this.#get(name);
    if (Array.isArray(value) && value.length <= most) return value;
    throw this.#refusal(name, value, `an array of ${most} entries at most`);
  }

  /** Finite numbers of an array in the object. */
  numbers(name: string, length: number): number[] {
    const values = this.array(name, length);
    if (values.length === length && values.every(Number.isFinite)) {
      return values as number[];
    }
    throw this.#refusal(name, values, `an array of ${length} finite numbers`);
  }

  #get(name: string): unknown {
    return this.has(name) ? this.#values[name] : undefined;
  }

  #refusal(name: string, value: unknown, needed: string): Error {
    const shown = String(JSON.stringify(value)).slice(0, 60);
    const field = `${this.#path}${name}` || "header";
    return cannotRestore(`its ${field} is ${shown}, ${needed} is needed`);
  }
}
