import type { Backend, LayerCache } from "../../../kernels/ops.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { noise, odd, outliers } from "../numbers.ts";
import { ordered, shuffled, softened } from "./layer.ts";
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
              run: (backend) => {
                const cache = shuffled(backend, n, { headDim });
                // A ring with more entries than the window's.
                const ring = window + n % 4;
                const shape = [ring, 2 * group, headDim];
                const queries = noise(backend, shape, 4);
                const scores = backend.tensor([2, n + 5]);
                const order = ordered(backend, cache, n);
                const oldest = (n - window) % ring;
                backend.windowScores(
                  queries,
                  oldest,
                  window,
                  cache,
                  order,
                  scores,
                  n,
                  shift,
                );
                return scores;
              },
            };
          }
        }
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
    for (const headDim of [8, 32, 64, 80, 128]) {
      for (const n of [2, 3, 31, 33, 150]) {
        yield {
          name: `${n} × ${headDim}`,
          tolerance: softened,
          run: (backend) => {
            const cache = shuffled(backend, n, { headDim });
            const data = outliers(2 * (n + 5) * headDim, n);
            // Every third key repeats the one before it, nearly.
            for (let i = headDim; i < data.length; i++) {
              if (Math.floor(i / headDim) % 3 === 0) {
                data[i] = data[i - headDim];
              }
            }
            backend.write(cache.keys, data);
            const out = backend.tensor([2, n + 5]);
            backend.redundancy(cache, ordered(backend, cache, n), out, n);
            return out;
          },
        };
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

  *"compact() keeps keys and values with their positions"() {
    for (const n of [2, 3, 31, 33, 200]) {
      yield {
        name: `${n}`,
        tolerance: softened,
        run: (backend) => {
          const cache = compacted(backend, n);
          const q = noise(backend, [1, 4, 32], 5);
          const out = backend.tensor([1, 4, 32]);
          backend.attention(q, cache, out, 1, keptOf(n), "q");
          return out;
        },
      };
    }
  },
};

function keptOf(n: number): number {
  return (n - 1 >> 1) + 1;
}

/** A layer of `n` tokens after half of them were evicted. */
function compacted(backend: Backend, n: number): LayerCache {
  const cache = shuffled(backend, n);
  const order = ordered(backend, cache, n);
  const kept = backend.tensor([2, n + 5], "i32");
  const [window, k] = [1, keptOf(n) - 1];
  const ranks = [0, 1].flatMap((h) => someRanks(n - window, k, h, n + 5));
  backend.write(kept, ranks);
  backend.compact(cache, order, kept, n, k, window);
  return cache;
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
