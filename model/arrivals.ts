import type { RunSource } from "./decode_runs.ts";
import type { Run } from "./run.ts";

/** How {@linkcode Arrivals} makes runs of requests. */
export interface ArrivalOptions<T> {
  /** Most runs at a time. */
  most: number;
  /** Lets no other begin. */
  signal: AbortSignal | undefined;
  /** Begins a request. */
  begin(request: T): Run;
}

/**
 * Requests that begin as there is room for them. While runs go on nobody waits
 * for the next request: it begins in the round after it has come.
 */
export class Arrivals<T> implements RunSource {
  readonly #requests: Iterator<T> | AsyncIterator<T>;
  readonly #options: ArrivalOptions<T>;
  readonly #aborted: Promise<void> | undefined;
  /** What is there when the request that was asked for has come. */
  #coming: Promise<void> | undefined;
  /** The request that has come and was not taken. */
  #came: (() => IteratorResult<T>) | undefined;

  constructor(
    requests: Iterable<T> | AsyncIterable<T>,
    options: ArrivalOptions<T>,
  ) {
    this.#requests = Symbol.asyncIterator in requests
      ? requests[Symbol.asyncIterator]()
      : requests[Symbol.iterator]();
    this.#options = options;
    this.#aborted = options.signal && abortOf(options.signal);
  }

  /** See {@linkcode RunSource.next}. */
  async next(count: number): Promise<Run | undefined> {
    const { most, signal, begin } = this.#options;
    if (count >= most || signal?.aborted) return;
    this.#coming ??= this.#ask();
    if (count === 0) {
      await Promise.race([this.#coming, this.#aborted ?? this.#coming]);
    }
    // It ends for good: the end stays what has come.
    const came = this.#came?.();
    if (!came || came.done) return;
    this.#coming = this.#came = undefined;
    return begin(came.value);
  }

  /** Asks for no more. */
  close(): void {
    // What is refused now concerns nobody.
    Promise.resolve(this.#requests.return?.()).catch(() => {});
  }

  /** What comes at once, as from an array, is there at once. */
  #ask(): Promise<void> {
    const take = (result: IteratorResult<T>) => {
      this.#came = () => result;
    };
    const refuse = (error: unknown) => {
      this.#came = () => {
        throw error;
      };
    };
    const result = this.#requests.next();
    if ("then" in result) return result.then(take, refuse);
    return Promise.resolve(take(result));
  }
}

function abortOf(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
