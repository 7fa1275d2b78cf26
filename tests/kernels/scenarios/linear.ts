import { uniform } from "../../../model/sampling/random.ts";
import { filled, noise, odd } from "../numbers.ts";
import { randomWeight, storedTypes } from "../weights.ts";
import type { Suite } from "./scenario.ts";

/** Rows that are no multiple of a tile of 16, and some that are. */
const rowCounts = [1, 15, 16, 33, 64];

/** Products with weights in every stored form, and their rows. */
export const linear: Suite = {
  *"linear() is exact when the activations are"() {
    for (const type of storedTypes) {
      for (const rows of rowCounts) {
        for (const n of odd) {
          yield {
            name: `${type} ${n} × ${rows}`,
            tolerance: 3e-6,
            run: (backend) => {
              const columns = 96;
              const x = filled(backend, [n, columns], integers(n * columns, n));
              const weight = randomWeight(backend, columns, [{ type, rows }]);
              const out = backend.tensor([n, rows]);
              backend.linear(x, weight, out, n);
              return out;
            },
          };
        }
      }
    }
  },

  *"linear() of heavy-tailed activations is within their quantisation"() {
    for (const type of storedTypes) {
      const isFloat = !type.startsWith("q");
      for (const n of odd) {
        yield {
          name: `${type} ${n}`,
          // Half a step of 1/16,383 of a block's largest activation, times an
          // outlier among the weights.
          tolerance: isFloat ? 3e-6 : 3e-4,
          run: (backend) => {
            const x = noise(backend, [n, 576], n);
            const weight = randomWeight(backend, 576, [{ type, rows: 48 }]);
            const out = backend.tensor([n, 48]);
            backend.linear(x, weight, out, n);
            return out;
          },
        };
      }
    }
  },

  *"linear() over parts of different types fills its own columns"() {
    yield {
      tolerance: 3e-6,
      run: (backend) => {
        const parts = storedTypes.map((type, i) => ({ type, rows: 7 + 8 * i }));
        const rows = parts.reduce((sum, part) => sum + part.rows, 0);
        const x = filled(backend, [3, 64], integers(3 * 64, 1));
        const out = noise(backend, [3, rows], 4);
        backend.linear(x, randomWeight(backend, 64, parts), out, 2);
        return out;
      },
    };
  },

  *"linear() of floats takes any number of columns"() {
    for (const type of ["f32", "f16", "bf16"] as const) {
      for (const columns of [1, 3, 31, 33, 80]) {
        yield {
          name: `${type} ${columns}`,
          tolerance: 3e-6,
          run: (backend) => {
            const x = noise(backend, [2, columns], columns);
            const weight = randomWeight(backend, columns, [{ type, rows: 17 }]);
            const out = backend.tensor([2, 17]);
            backend.linear(x, weight, out, 2);
            return out;
          },
        };
      }
    }
  },

  *"embed() gives every row of every part as it was stored"() {
    for (const type of storedTypes) {
      yield {
        name: type,
        tolerance: 1e-7,
        run: (backend) => {
          const parts = [{ type, rows: 33 }, { type, rows: 5 }];
          const table = randomWeight(backend, 64, parts);
          const ids = backend.tensor([38], "i32");
          backend.write(ids, Array.from({ length: 38 }, (_, i) => 37 - i));
          const out = backend.tensor([38, 64]);
          backend.embed(table, ids, out, 38);
          return out;
        },
      };
    }
  },
};

/** Whole numbers from -127 to 127 with both ends in every block of 32. */
function integers(count: number, seed: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    if (i % 32 === 0) return i % 64 ? 127 : -127;
    return Math.floor(uniform(seed, i) * 255) - 127;
  });
}
