import type { Weight, WeightPart } from "../tensors.ts";
import { dequantize, storedBytes } from "../stored.ts";

/** A {@linkcode Weight} in its stored form, dequantised row by row. */
export class StoredWeight implements Weight {
  readonly rows: number;
  readonly bytes: number;
  readonly #parts: { first: number; part: WeightPart; bytes: Uint8Array }[];

  constructor(readonly columns: number, readonly parts: readonly WeightPart[]) {
    let first = 0;
    this.#parts = parts.map((part) => {
      const bytes = new Uint8Array(
        part.rows * storedBytes(part.type, [columns]),
      );
      first += part.rows;
      return { first: first - part.rows, part, bytes };
    });
    this.rows = first;
    this.bytes = this.#parts.reduce((sum, { bytes }) => sum + bytes.length, 0);
  }

  /** Copies rows in stored form, from `row` on. */
  load(row: number, bytes: Uint8Array): void {
    const { first, part, bytes: target } = this.#partOf(row);
    target.set(bytes, (row - first) * storedBytes(part.type, [this.columns]));
  }

  /** Row `row` as numbers, into `out [columns]`. */
  row(row: number, out: Float64Array): Float64Array {
    const { first, part, bytes } = this.#partOf(row);
    const size = storedBytes(part.type, [this.columns]);
    const start = (row - first) * size;
    dequantize(part.type, bytes.subarray(start, start + size), out);
    return out;
  }

  #partOf(row: number) {
    return this.#parts.findLast(({ first }) => row >= first)!;
  }
}
