import type { Backend, LayerCache, Tensor } from "../../kernels/ops.ts";
import { uniform } from "../../model/sampling/random.ts";
import { agree, filled, noise, odd, outliers } from "./agree.ts";

/** Rounding of float32 through an exponential of scores up to some tens. */
const softened = 2e-5;

interface Scene {
  kvHeads?: number;
  headDim?: number;
  slots?: number;
}

/** A layer whose slots hold tokens in no order, as after evictions. */
function shuffled(
  backend: Backend,
  n: number,
  { kvHeads = 2, headDim = 32, slots = n + 5 }: Scene = {},
): LayerCache {
  const positions = backend.tensor([kvHeads, slots], "i32");
  backend.write(
    positions,
    Array.from({ length: kvHeads }, (_, h) => permutation(slots, h)).flat()
      .map((position) => position * 3),
  );
  return {
    keys: noise(backend, [kvHeads, slots, headDim], n + 1),
    values: noise(backend, [kvHeads, slots, headDim], n + 2),
    positions,
  };
}

function permutation(length: number, seed: number): number[] {
  return Array.from({ length }, (_, i) => i)
    .sort((a, b) => uniform(seed, a) - uniform(seed, b));
}

function ordered(backend: Backend, cache: LayerCache, n: number): Tensor {
  const order = backend.tensor(cache.positions.shape, "i32");
  backend.order(cache, order, n);
  return order;
}

/** Scores as the stages before leave them, for two heads. */
function scoresOf(backend: Backend, n: number, seed: number): Tensor {
  const data = outliers(2 * (n + 5), seed).map(Math.abs);
  return filled(backend, [2, n + 5], data);
}

Deno.test("append() writes after what is cached", async () => {
  for (const n of odd) {
    for (const part of ["keys", "values", "positions"] as const) {
      await agree(
        (backend) => {
          const cache = shuffled(backend, 40);
          const [k, v] = [1, 2].map((s) => noise(backend, [n, 2, 32], s));
          backend.append(cache, k, v, n, 7, 100);
          return cache[part];
        },
        0,
        `${n} ${part}`,
      );
    }
  }
});

Deno.test("attention() of one query agrees for every group and head size", async () => {
  for (let group = 1; group <= 8; group++) {
    for (const headDim of [8, 32, 64, 80, 128]) {
      for (const cached of [...odd, 64, 200]) {
        await agree(
          (backend) => {
            const cache = shuffled(backend, cached, { headDim });
            const q = noise(backend, [1, 2 * group, headDim], 5);
            const out = backend.tensor([1, 2 * group, headDim]);
            backend.attention(q, cache, out, 1, cached);
            return out;
          },
          softened,
          `group ${group} headDim ${headDim} cached ${cached}`,
        );
      }
    }
  }
});

Deno.test("attention() of a chunk is causal at odd sizes", async () => {
  for (const n of odd) {
    for (const before of [0, 1, 63, 130]) {
      for (const group of [1, 3, 8]) {
        await agree(
          (backend) => {
            const cache = shuffled(backend, n + before, { headDim: 64 });
            const q = noise(backend, [n, 2 * group, 64], 5);
            const out = backend.tensor([n, 2 * group, 64]);
            backend.attention(q, cache, out, n, n + before);
            return out;
          },
          softened,
          `${n} after ${before}, group ${group}`,
        );
      }
    }
  }
});

Deno.test("attention() holds with scores in the thousands", async () => {
  await agree((backend) => {
    const cache = shuffled(backend, 33);
    const data = outliers(4 * 32, 5).map((value) => 1000 * value);
    const out = backend.tensor([1, 4, 32]);
    backend.attention(filled(backend, [1, 4, 32], data), cache, out, 1, 33);
    return out;
  }, softened);
});

Deno.test("order() sorts the slots in use by position", async () => {
  for (const n of [...odd, 500]) {
    await agree((b) => ordered(b, shuffled(b, n), n), 0, `${n}`);
  }
});

Deno.test("windowScores() agrees for every ring start, group and shift", async () => {
  for (const [window, n] of [[1, 2], [3, 31], [8, 33], [16, 200]]) {
    for (const group of [1, 3, 6, 8]) {
      for (const headDim of [32, 80, 128]) {
        for (const shift of [0, 200]) {
          await agree(
            (backend) => {
              const cache = shuffled(backend, n, { headDim });
              const shape = [window, 2 * group, headDim];
              const queries = noise(backend, shape, 4);
              const scores = backend.tensor([2, n + 5]);
              const order = ordered(backend, cache, n);
              const oldest = n % window;
              backend.windowScores(
                queries,
                oldest,
                cache,
                order,
                scores,
                n,
                shift,
              );
              return scores;
            },
            softened,
            `${window} of ${n}, group ${group}, headDim ${headDim}, ${shift}`,
          );
        }
      }
    }
  }
});

Deno.test("recency(), normalise(), protect() agree at odd sizes", async () => {
  for (const stage of ["recency", "normalise", "protect"] as const) {
    for (const n of odd) {
      await agree(
        (backend) => {
          const scores = scoresOf(backend, n, n);
          backend[stage](scores, n);
          return scores;
        },
        1e-6,
        `${stage} ${n}`,
      );
    }
  }
});

Deno.test("mergeHistory() agrees for every rule", async () => {
  for (const rule of ["max", "mean", "sum"] as const) {
    for (const n of odd) {
      await agree(
        (backend) => {
          const scores = scoresOf(backend, n, n);
          const history = scoresOf(backend, n, n + 9);
          backend.mergeHistory(scores, history, n, rule, 0.8);
          return scores;
        },
        1e-6,
        `${rule} ${n}`,
      );
    }
  }
});

Deno.test("pool() agrees for widths beyond both ends", async () => {
  for (const width of [1, 3, 5, 7]) {
    for (const n of odd) {
      await agree(
        (backend) => {
          const out = backend.tensor([2, n + 5]);
          backend.pool(scoresOf(backend, n, n), out, n, width);
          return out;
        },
        0,
        `${width} over ${n}`,
      );
    }
  }
});

Deno.test("redundancy() agrees with near-duplicates among the keys", async () => {
  for (const headDim of [8, 32, 64, 80, 128]) {
    for (const n of [2, 3, 31, 33, 150]) {
      await agree(
        (backend) => {
          const cache = shuffled(backend, n, { headDim });
          const data = outliers(2 * (n + 5) * headDim, n);
          // Every third key repeats the one before it, nearly.
          for (let i = headDim; i < data.length; i++) {
            if (Math.floor(i / headDim) % 3 === 0) data[i] = data[i - headDim];
          }
          backend.write(cache.keys, data);
          const out = backend.tensor([2, n + 5]);
          backend.redundancy(cache, ordered(backend, cache, n), out, n, 1);
          return out;
        },
        softened,
        `${n} × ${headDim}`,
      );
    }
  }
});

Deno.test("mixScores() and gather() agree at odd sizes", async () => {
  for (const n of odd) {
    await agree(
      (backend) => {
        const scores = scoresOf(backend, n, 1);
        backend.mixScores(scores, scoresOf(backend, n, 2), n, 0.3);
        const kept = backend.tensor([2, n + 5], "i32");
        backend.topK(scores, kept, n, Math.ceil(n / 2));
        const out = backend.tensor([2, n + 5]);
        backend.gather(scores, kept, out, Math.ceil(n / 2));
        return out;
      },
      1e-6,
      `${n}`,
    );
  }
});

Deno.test("topK() breaks ties by rank and takes protected tokens first", async () => {
  for (const n of [...odd, 600]) {
    for (const k of new Set([0, 1, n >> 1, n - 1, n])) {
      await agree(
        (backend) => {
          const scores = scoresOf(backend, n, n);
          // Few different values, negative ones and both zeros among them.
          const steps = outliers(2 * (n + 5), n).map((v) => Math.round(v));
          backend.write(scores, steps);
          backend.protect(scores, Math.min(3, k));
          const kept = backend.tensor([2, n + 5], "i32");
          backend.topK(scores, kept, n, k);
          return kept;
        },
        0,
        `${k} of ${n}`,
      );
    }
  }
});

Deno.test("compact() keeps exactly the kept positions", async () => {
  for (const n of [2, 3, 31, 33, 200]) {
    const slots = n + 5;
    await agree(
      (backend) => compacted(backend, n).positions,
      0,
      `${n}`,
      (all) =>
        [0, 1].flatMap((h) =>
          [...all.slice(h * slots, h * slots + keptOf(n))].sort()
        ),
    );
  }
});

Deno.test("compact() keeps keys and values with their positions", async () => {
  for (const n of [2, 3, 31, 33, 200]) {
    await agree(
      (backend) => {
        const cache = compacted(backend, n);
        const q = noise(backend, [1, 4, 32], 5);
        const out = backend.tensor([1, 4, 32]);
        backend.attention(q, cache, out, 1, keptOf(n));
        return out;
      },
      softened,
      `${n}`,
    );
  }
});

function keptOf(n: number): number {
  return (n - 1 >> 1) + 1;
}

/** A layer of `n` tokens after half of them were evicted. */
function compacted(backend: Backend, n: number): LayerCache {
  const cache = shuffled(backend, n);
  const order = ordered(backend, cache, n);
  const kept = backend.tensor([2, n + 5], "i32");
  const [window, k] = [1, keptOf(n) - 1];
  backend.topK(scoresOf(backend, n, n), kept, n - window, k);
  backend.compact(cache, order, kept, n, k, window);
  return cache;
}
