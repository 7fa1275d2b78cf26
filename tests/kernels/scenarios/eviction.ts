import type { Backend } from "../../../kernels/backend.ts";
import type { HeadRule, LayerCache } from "../../../kernels/layer_cache.ts";
import type { CacheType, Tensor } from "../../../kernels/tensors.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { filled, noise, odd, outliers } from "../numbers.ts";
import { numbersIn, ordered, shuffled, softened, types } from "./layer.ts";
import type { Suite } from "./scenario.ts";

/** Scores and removal of cached tokens. */
export const eviction: Suite = {
  *"windowScores() agrees for every ring start, group and shift"() {
    for (const [window, n] of [[1, 2], [3, 31], [8, 33], [16, 200]]) {
      for (const group of [1, 3, 6, 8]) {
        for (const headDim of [32, 80, 128]) {
          for (const shift of [0, 200]) {
            yield {
              name:
                `${window} of ${n}, group ${group}, headDim ${headDim}, ${shift}`,
              tolerance: softened,
              run: (backend) =>
                scored(backend, { window, n, group, headDim, shift }),
            };
          }
        }
      }
    }
  },

  *"windowScores() agrees for every cache type and both rules of heads"() {
    for (const [window, n] of [[1, 2], [3, 31], [16, 200]]) {
      for (const type of types) {
        for (const heads of ["max", "mean"] as const) {
          // A turn by Hadamard's matrices of 4, 64 and 16.
          for (const [group, headDim] of [[1, 12], [3, 64], [6, 80]]) {
            const scene = { window, n, group, headDim, type, heads };
            yield {
              name: `${window} of ${n}, ${type}, ${heads}, ${headDim}`,
              tolerance: softened,
              run: (backend) => scored(backend, { ...scene, shift: 2 }),
            };
          }
        }
      }
    }
  },

  *"tallyScores() agrees with and without deviations"() {
    for (const n of odd) {
      for (const count of [1, 2, 77]) {
        for (const squared of [false, true]) {
          yield {
            name: `${n}, ${count} queries, ${squared}`,
            tolerance: 1e-6,
            run: (backend) => {
              const cache = shuffled(backend, n);
              const order = ordered(backend, cache, n);
              const positive = (seed: number) =>
                filled(
                  backend,
                  [2, n + 5],
                  outliers(2 * (n + 5), seed).map(Math.abs),
                );
              const squares = squared ? positive(2) : undefined;
              const scores = backend.tensor([2, n + 5]);
              backend.tallyScores(
                positive(1),
                squares,
                order,
                scores,
                n,
                count,
                3,
              );
              return scores;
            },
          };
        }
      }
    }
  },

  *"random() gives the same bits, into some rows too"() {
    for (const n of [...odd, 300]) {
      for (const seed of [0, 12345, 2 ** 32 - 1]) {
        yield {
          name: `${n} from ${seed}`,
          tolerance: 0,
          run: (backend) => {
            const scores = backend.tensor([4, n + 5]);
            backend.random(backend.rows(scores, 1, 4), n, seed);
            return scores;
          },
        };
      }
    }
  },

  *"recency() gives ranks at odd sizes"() {
    for (const n of odd) {
      yield {
        name: `${n}`,
        tolerance: 0,
        run: (backend) => {
          const scores = backend.tensor([2, n + 5]);
          backend.recency(scores, n);
          return scores;
        },
      };
    }
  },

  *"redundancy() agrees with near-duplicates among the keys"() {
    for (const type of types) {
      for (const headDim of [8, 32, 64, 80, 128]) {
        for (const n of [2, 3, 31, 33, 150]) {
          yield {
            name: `${n} × ${headDim}, ${type}`,
            tolerance: softened,
            run: (backend) => {
              const cache = repetitive(backend, n, headDim, type);
              const out = backend.tensor([2, n + 5]);
              backend.redundancy(cache, ordered(backend, cache, n), out, n);
              return out;
            },
          };
        }
      }
    }
  },

  *"keydiff() agrees for every cache type"() {
    for (const type of types) {
      for (const headDim of [4, 12, 64, 80, 128]) {
        for (const n of [1, 2, 31, 33, 150]) {
          yield {
            name: `${n} × ${headDim}, ${type}`,
            tolerance: softened,
            run: (backend) => {
              const cache = repetitive(backend, n, headDim, type);
              return differences(backend, cache, n);
            },
          };
        }
      }
    }
  },

  *"reposition() turns kept keys to their ranks and leaves the others"() {
    for (const type of types) {
      for (const pairing of ["adjacent", "halves"] as const) {
        for (const headDim of [4, 12, 64, 80]) {
          for (const n of [2, 3, 33, 200]) {
            yield {
              name: `${n} × ${headDim}, ${type}, ${pairing}`,
              tolerance: turned[type],
              run: (backend) => {
                const cache = repetitive(backend, n, headDim, type);
                const order = ordered(backend, cache, n);
                const { kept, k, window } = keptRanks(backend, n);
                const frequencies = filled(
                  backend,
                  [1, headDim / 2],
                  Float32Array.from(
                    { length: headDim / 2 },
                    (_, i) => 10000 ** (-2 * i / headDim),
                  ),
                );
                backend.reposition(
                  cache,
                  order,
                  kept,
                  n,
                  k,
                  window,
                  frequencies,
                  pairing,
                );
                return differences(backend, cache, n);
              },
            };
          }
        }
      }
    }
  },

  *"compact() keeps exactly the kept positions"() {
    for (const n of [2, 3, 31, 33, 200]) {
      const slots = n + 5;
      yield {
        name: `${n}`,
        tolerance: 0,
        run: (backend) => compacted(backend, n).positions,
        arrange: (all) =>
          [0, 1].flatMap((h) =>
            [...all.slice(h * slots, h * slots + keptOf(n))].sort()
          ),
      };
    }
  },

  *"compact() keeps keys, values and sums with their positions"() {
    for (const type of types) {
      for (const n of [2, 3, 31, 33, 200]) {
        for (const part of ["keys", "values", "sums"] as const) {
          yield {
            name: `${part} of ${n}, ${type}`,
            tolerance: 0,
            run: async (backend) => {
              const cache = compacted(backend, n, type);
              const kept = keptOf(n);
              const slots = await numbersIn(backend, cache.positions, kept);
              const numbers = await numbersIn(backend, cache[part]!, kept);
              return byPosition(numbers, slots);
            },
          };
        }
      }
    }
  },
};

/** Rows of numbers, a head after the other, in order of their positions. */
function byPosition(
  numbers: Float32Array,
  positions: Float32Array,
): Float32Array {
  const width = numbers.length / positions.length;
  const half = positions.length / 2;
  const rows = Array.from(positions, (position, i) => ({
    at: position + (i < half ? 0 : 1e6),
    row: numbers.subarray(i * width, (i + 1) * width),
  }));
  rows.sort((a, b) => a.at - b.at);
  return Float32Array.from(rows.flatMap(({ row }) => [...row]));
}

/**
 * How far cosines may be off after keys were turned: a number between two of
 * the type may have become the other one, a unit of the last place of f16 or
 * the 127th part of the largest of int8.
 */
const turned: Readonly<Record<CacheType, number>> = {
  f32: softened,
  f16: 2 ** -11,
  int8: 1 / 127,
};

interface Scored {
  window: number;
  n: number;
  group: number;
  headDim: number;
  shift: number;
  type?: CacheType;
  heads?: HeadRule;
}

/** Window scores of a shuffled layer. */
function scored(
  backend: Backend,
  { window, n, group, headDim, shift, type = "f32", heads = "max" }: Scored,
): Tensor {
  const cache = shuffled(backend, n, { headDim, type });
  // A ring with more entries than the window's.
  const ring = window + n % 4;
  const queries = noise(backend, [ring, 2 * group, headDim], 4);
  const scores = backend.tensor([2, n + 5]);
  backend.windowScores(
    queries,
    (n - window) % ring,
    window,
    cache,
    ordered(backend, cache, n),
    scores,
    n,
    shift,
    heads,
  );
  return scores;
}

/** A layer in which keys of every third slot are those of the one before. */
function repetitive(
  backend: Backend,
  n: number,
  headDim: number,
  type: CacheType,
): LayerCache {
  const token = 2 * headDim;
  const keys = outliers((n + 5) * token, n);
  for (let slot = 3; slot < n + 5; slot += 3) {
    keys.copyWithin(slot * token, (slot - 1) * token, slot * token);
  }
  return shuffled(backend, n, { headDim, type, keys });
}

/** Cosines of a layer's keys with their mean. */
function differences(backend: Backend, cache: LayerCache, n: number): Tensor {
  const out = backend.tensor([2, n + 5]);
  backend.keydiff(cache, ordered(backend, cache, n), out, n, -0.5);
  return out;
}

function keptOf(n: number): number {
  return (n - 1 >> 1) + 1;
}

/** A layer of `n` tokens after half of them were evicted. */
function compacted(
  backend: Backend,
  n: number,
  type: CacheType = "f32",
): LayerCache {
  const cache = shuffled(backend, n, { type });
  const order = ordered(backend, cache, n);
  const { kept, k, window } = keptRanks(backend, n);
  backend.compact(cache, order, kept, n, k, window);
  return cache;
}

/** Half of the ranks before a window of one. */
function keptRanks(
  backend: Backend,
  n: number,
): { kept: Tensor; k: number; window: number } {
  const kept = backend.tensor([2, n + 5], "i32");
  const [window, k] = [1, keptOf(n) - 1];
  const ranks = [0, 1].flatMap((h) => someRanks(n - window, k, h, n + 5));
  backend.write(kept, ranks);
  return { kept, k, window };
}

/** Ascending ranks, different ones for each head, in a row of `slots`. */
function someRanks(
  older: number,
  k: number,
  head: number,
  slots: number,
): number[] {
  const ranks = Array.from({ length: older }, (_, rank) => rank)
    .sort((a, b) => uniform(head + 1, a) - uniform(head + 1, b))
    .slice(0, k).sort((a, b) => a - b);
  return [...ranks, ...new Array(slots - k).fill(0)];
}
