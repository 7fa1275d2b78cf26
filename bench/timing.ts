import { quantile } from "../cli/figures.ts";

/** One of several ways to compute the same thing. */
export interface Contestant {
  readonly name: string;
  /** Calls that one run makes; times are per call. */
  readonly calls: number;
  run(): void | Promise<void>;
}

/** Microseconds per call. */
export interface Timing {
  readonly min: number;
  readonly median: number;
  readonly p99: number;
}

/** How long {@linkcode race} takes. */
export interface RaceOptions {
  /** Turns that every contestant gets. */
  rounds: number;
  /** Milliseconds of a turn, of three runs at least. */
  turn: number;
}

/** WebAssembly and JavaScript are compiled for good after some 20 calls. */
const WARM_UP_CALLS = 30;

/**
 * Times contestants in turns: the machine is shared, and what slows it for a
 * while must slow all of them.
 *
 * @returns Their timings, in their order.
 */
export async function race(
  contestants: readonly Contestant[],
  { rounds, turn }: RaceOptions,
): Promise<Timing[]> {
  for (const { calls, run } of contestants) {
    for (let done = 0; done < WARM_UP_CALLS; done += calls) await run();
  }
  const samples = contestants.map((): number[] => []);
  for (let round = 0; round < rounds; round++) {
    for (const [i, contestant] of contestants.entries()) {
      await contestant.run(); // What the one before left in the CPU's caches.
      await sample(contestant, turn, samples[i]);
    }
  }
  return samples.map(summarise);
}

async function sample(
  { calls, run }: Contestant,
  turn: number,
  samples: number[],
): Promise<void> {
  const end = performance.now() + turn;
  for (let runs = 0; runs < 3 || performance.now() < end; runs++) {
    const start = performance.now();
    // Awaiting what is done already would cost a turn of the microtask queue.
    const pending = run();
    if (pending) await pending;
    samples.push((performance.now() - start) * 1000 / calls);
  }
}

/** What a table shows of samples. */
export function summarise(samples: readonly number[]): Timing {
  return {
    min: samples.reduce((least, value) => Math.min(least, value), Infinity),
    median: quantile(samples, 0.5),
    p99: quantile(samples, 0.99),
  };
}
