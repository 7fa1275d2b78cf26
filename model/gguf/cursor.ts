import { ModelFormatError } from "../checkpoint/error.ts";

/** Longest key and name (GGUF specification). */
const LONGEST_KEY = 65_535;

/** Thrown when the bytes read so far end before the header does. */
export class MoreNeeded extends Error {}

/** A place in a GGUF header; every step is checked against the file's size. */
export class GgufCursor {
  /** Bytes passed so far. */
  offset = 0;
  readonly #view: DataView;
  readonly #decoder = new TextDecoder();

  /**
   * The start of a file.
   *
   * @param file File name, as errors show it.
   * @param bytes The file's start.
   * @param limit Where the header has to have ended, at the latest.
   */
  constructor(
    readonly file: string,
    readonly bytes: Uint8Array,
    readonly limit: number,
  ) {
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The bytes from a place passed before up to here. */
  since(start: number): Uint8Array {
    return this.bytes.subarray(start, this.offset);
  }

  /** Steps over some bytes. */
  skip(length: number, field: string): void {
    const end = this.offset + length;
    if (end > this.limit) {
      const needed = `an end within ${this.limit} is needed`;
      this.fail(`${field} ends at byte ${end}`, needed);
    }
    if (end > this.bytes.length) throw new MoreNeeded();
    this.offset = end;
  }

  /** The next bytes as text. */
  text(length: number, field: string): string {
    const start = this.offset;
    this.skip(length, field);
    return this.#decoder.decode(this.since(start));
  }

  /** A string value. */
  string(field: string): string {
    return this.text(this.count(`string length in ${field}`, 1), field);
  }

  /** The key of a field or the name of a tensor. */
  key(field: string): string {
    const length = this.count(`length of ${field}`, 1);
    if (length <= LONGEST_KEY) return this.text(length, field);
    this.fail(`${field} has ${length} bytes`, `at most ${LONGEST_KEY} fit`);
  }

  /** A 32-bit number. */
  uint32(field: string): number {
    this.skip(4, field);
    return this.#view.getUint32(this.offset - 4, true);
  }

  /** A 64-bit count of things that take at least `bytesEach` bytes each. */
  count(field: string, bytesEach: number, most: number = Infinity): number {
    this.skip(8, field);
    const count = Number(this.#view.getBigUint64(this.offset - 8, true));
    const room = Math.floor((this.limit - this.offset) / bytesEach);
    if (count <= Math.min(room, most)) return count;
    this.fail(`${field} is ${count}`, `at most ${Math.min(room, most)} fit`);
  }

  /** Throws the error of a header that cannot be used. */
  fail(state: string, needed: string): never {
    throw new ModelFormatError(`Cannot open ${this.file}: ${state}, ${needed}`);
  }
}
