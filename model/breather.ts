/**
 * Milliseconds of computing after which other tasks get a turn. A turn takes
 * 1 to 2 ms, for that is the shortest timer.
 */
const TURN = 60;

/**
 * Lets timers, signals and input have their turn between tokens: on the CPU
 * nothing that a generation awaits ever leaves the microtask queue.
 */
export class Breather {
  #last = performance.now();

  /** Waits for a turn of the event loop when the last one is long ago. */
  async breathe(): Promise<void> {
    if (performance.now() - this.#last < TURN) return;
    await new Promise((resolve) => setTimeout(resolve, 0));
    this.#last = performance.now();
  }
}
