/** Alignment of every allocation: a cache line. */
const LINE = 64;
const PAGE = 65536;

/** A run of bytes that nobody uses. */
interface Hole {
  start: number;
  size: number;
}

/**
 * Allocates from a WebAssembly memory, first fit. What is released is used
 * again: a memory can grow but never shrink.
 */
export class Arena {
  readonly #memory: WebAssembly.Memory;
  readonly #sizes = new Map<number, number>();
  readonly #holes: Hole[] = [];
  #used = 0;
  #floats: Float32Array = new Float32Array();
  #integers: Int32Array = new Int32Array();
  #bytes: Uint8Array = new Uint8Array();

  /** Leaves alone what the memory holds already. */
  constructor(memory: WebAssembly.Memory) {
    this.#memory = memory;
  }

  /** Bytes allocated and not released. */
  get used(): number {
    return this.#used;
  }

  /** Bytes of the memory. */
  get reserved(): number {
    return this.#memory.buffer.byteLength;
  }

  /** The memory as numbers; the view is renewed when the memory has grown. */
  get floats(): Float32Array {
    if (this.#floats.buffer !== this.#memory.buffer) {
      this.#floats = new Float32Array(this.#memory.buffer);
    }
    return this.#floats;
  }

  /** The memory as integers. */
  get integers(): Int32Array {
    if (this.#integers.buffer !== this.#memory.buffer) {
      this.#integers = new Int32Array(this.#memory.buffer);
    }
    return this.#integers;
  }

  /** The memory as bytes. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.#memory.buffer) {
      this.#bytes = new Uint8Array(this.#memory.buffer);
    }
    return this.#bytes;
  }

  /**
   * Address of `size` zeroed bytes, a multiple of 64.
   *
   * @throws {RangeError} when the memory cannot grow that far.
   */
  allocate(size: number): number {
    const rounded = Math.max(LINE, Math.ceil(size / LINE) * LINE);
    const hole = this.#holes.find((hole) => hole.size >= rounded) ??
      this.#grow(rounded);
    const start = hole.start;
    hole.start += rounded;
    hole.size -= rounded;
    if (hole.size === 0) this.#holes.splice(this.#holes.indexOf(hole), 1);
    this.#sizes.set(start, rounded);
    this.#used += rounded;
    this.bytes.fill(0, start, start + rounded);
    return start;
  }

  /** Gives back what `allocate` gave. */
  release(start: number): void {
    const size = this.#sizes.get(start);
    if (size === undefined) {
      throw new TypeError(
        "Cannot free memory: it was freed before, or belongs to another backend",
      );
    }
    this.#sizes.delete(start);
    this.#used -= size;
    this.#insert({ start, size });
  }

  #grow(size: number): Hole {
    const end = this.reserved;
    const last = this.#holes.at(-1);
    const open = last && last.start + last.size === end ? last.size : 0;
    const pages = Math.ceil((size - open) / PAGE);
    try {
      this.#memory.grow(pages);
    } catch {
      throw new RangeError(
        `Cannot allocate ${size} bytes: ${this.#used} are in use and the ` +
          `WebAssembly memory cannot grow by ${pages * PAGE} beyond ${end}`,
      );
    }
    this.#insert({ start: end, size: pages * PAGE });
    return this.#holes.at(-1)!;
  }

  /** Adds a hole in order of address and joins it with its neighbours. */
  #insert(hole: Hole): void {
    const found = this.#holes.findIndex(({ start }) => start > hole.start);
    const at = found < 0 ? this.#holes.length : found;
    this.#holes.splice(at, 0, hole);
    for (const left of [at, at - 1]) {
      const [a, b] = [this.#holes[left], this.#holes[left + 1]];
      if (!a || !b || a.start + a.size !== b.start) continue;
      a.size += b.size;
      this.#holes.splice(left + 1, 1);
    }
  }
}
