/** One who waits. */
interface Waiter<T> {
  readonly wanted: T;
  /** Lets it in or turns it away. */
  readonly settle: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Those who wait to be let in, the first first. */
export class WaitingLine<T, R> {
  readonly #waiters: Waiter<T>[] = [];
  readonly #admit: (wanted: T) => R;
  readonly #fits: (wanted: T) => boolean;

  /**
   * @param fits Whether there is room.
   * @param admit Lets in one for whom there is.
   */
  constructor(fits: (wanted: T) => boolean, admit: (wanted: T) => R) {
    this.#fits = fits;
    this.#admit = admit;
  }

  /** How many wait. */
  get length(): number {
    return this.#waiters.length;
  }

  /**
   * Resolves when it is let in, which may be at once.
   *
   * @throws The signal's reason when it is aborted before.
   */
  async join(wanted: T, signal?: AbortSignal): Promise<R> {
    signal?.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const settle = () => {
      signal?.removeEventListener("abort", abort);
      try {
        resolve(this.#admit(wanted));
      } catch (error) {
        reject(error);
      }
    };
    const waiter = { wanted, settle, reject };
    const abort = () => {
      const at = this.#waiters.indexOf(waiter);
      if (at < 0) return;
      this.#waiters.splice(at, 1);
      reject(signal!.reason);
      // Who waits behind it may ask for less.
      this.advance();
    };
    signal?.addEventListener("abort", abort, { once: true });
    this.#waiters.push(waiter);
    this.advance();
    return await promise;
  }

  /** Lets in as many as there is room for, in their order. */
  advance(): void {
    while (this.#waiters.length > 0 && this.#fits(this.#waiters[0].wanted)) {
      this.#waiters.shift()!.settle();
    }
  }

  /** Turns all away. */
  close(reason: unknown): void {
    for (const { reject } of this.#waiters.splice(0)) reject(reason);
  }
}
