import { filled, noise, odd, outliers } from "../numbers.ts";
import { numbersIn, shuffled, types } from "./layer.ts";
import type { Suite } from "./scenario.ts";

/** Rounding of float32 sums of up to a few thousand terms. */
const float32 = 2e-6;

/** Ops of a decoder between its products. */
export const decoder: Suite = {
  *"rmsNorm() agrees with the reference at odd sizes"() {
    for (const n of odd) {
      for (const width of [1, 31, 64, 80, 576]) {
        yield {
          name: `${n} × ${width}`,
          tolerance: float32,
          run: (backend) => {
            const x = noise(backend, [n, width], n);
            const weight = noise(backend, [width], 7);
            backend.rmsNorm(x, weight, x, n, 1e-5);
            return x;
          },
        };
      }
    }
  },

  *"rmsNorm() of heads in a fused projection leaves the others alone"() {
    yield {
      tolerance: float32,
      run: (backend) => {
        const x = noise(backend, [3, 6, 32], 1);
        const weight = noise(backend, [32], 2);
        const heads = backend.slice(x, 1, 4);
        backend.rmsNorm(heads, weight, heads, 3, 1e-6);
        return x;
      },
    };
  },

  *"addNorm() adds and normalises in one"() {
    for (const n of odd) {
      for (const width of [31, 64, 576]) {
        for (const part of ["x", "out"] as const) {
          yield {
            name: `${part} ${n} × ${width}`,
            tolerance: float32,
            run: (backend) => {
              const x = noise(backend, [n, width], n);
              const y = noise(backend, [n, width], n + 1);
              const weight = noise(backend, [width], 7);
              const out = backend.tensor([n, width]);
              backend.addNorm(x, y, weight, out, n, 1e-5);
              return { x, out }[part];
            },
          };
        }
      }
    }
  },

  *"rope() agrees with the reference for both pairings"() {
    for (const pairing of ["adjacent", "halves"] as const) {
      for (const headDim of [8, 32, 64, 80, 128]) {
        for (const n of odd) {
          yield {
            name: `${pairing} ${n} × ${headDim}`,
            tolerance: float32,
            run: (backend) => {
              const x = noise(backend, [n, 5, headDim], n);
              const angles = noise(backend, [n, headDim / 2, 2], 3);
              backend.rope(backend.slice(x, 0, 4), angles, n, pairing);
              return x;
            },
          };
        }
      }
    }
  },

  *"swiglu() agrees with the reference, also where sigmoid saturates"() {
    for (const n of odd) {
      for (const width of [1, 31, 96]) {
        yield {
          name: `${n} × ${width}`,
          tolerance: float32,
          run: (backend) => {
            const data = outliers(n * 2 * width, n).map((v) => 10 * v);
            const gateUp = filled(backend, [n, 2, width], data);
            const out = backend.tensor([n, width]);
            backend.swiglu(gateUp, out, n);
            return out;
          },
        };
      }
    }
  },

  *"add() adds rows, and one row to all"() {
    for (const n of odd) {
      for (const shape of [[n, 31], [31]]) {
        yield {
          name: `${n} + ${shape}`,
          tolerance: float32,
          run: (backend) => {
            const x = noise(backend, [n, 31], n);
            backend.add(x, noise(backend, shape, 5), n);
            return x;
          },
        };
      }
    }
  },

  *"copy() moves rows of a slice"() {
    yield {
      tolerance: 0,
      run: (backend) => {
        const source = noise(backend, [5, 4, 8], 1);
        const target = backend.tensor([3, 2, 8]);
        backend.copy(backend.slice(source, 1, 3), 2, target, 1, 2);
        return target;
      },
    };
  },

  *"copy() moves rows of every type"() {
    for (const type of types) {
      yield {
        name: type,
        tolerance: 0,
        run: (backend) => {
          const cache = shuffled(backend, 30, { kvHeads: 3, type });
          const target = backend.tensor([4, 40, 32], type);
          const part = backend.slice(target, 8, 28);
          backend.copy(backend.slice(cache.keys, 4, 24), 1, part, 2, 2);
          return numbersIn(backend, target, 40);
        },
      };
    }
  },

  *"save() and restore() of some rows change nothing else"() {
    for (const type of types) {
      yield {
        name: type,
        tolerance: 0,
        run: async (backend) => {
          const { values } = shuffled(backend, 30, { kvHeads: 3, type });
          const target = backend.tensor([3, 40, 32], type);
          const bytes = await backend.save(backend.rows(values, 1, 3), 9);
          const part = backend.slice(target, 4, 20);
          backend.restore(backend.rows(part, 0, 2), 9, bytes);
          return await numbersIn(backend, target, 40);
        },
      };
    }
  },

  *"softmax() agrees with the reference over a vocabulary"() {
    for (const n of [1, 2, 3]) {
      for (const temperature of [0.3, 1, 2]) {
        yield {
          name: `${n} at ${temperature}`,
          tolerance: 1e-5,
          run: (backend) => {
            const x = noise(backend, [n, 4099], n);
            backend.softmax(x, n, temperature);
            return x;
          },
        };
      }
    }
  },

  *"argmax() takes the lowest index on ties"() {
    for (const width of [1, 2, 3, 31, 33, 4099]) {
      yield {
        name: `${width}`,
        tolerance: 0,
        run: (backend) => {
          const data = outliers(3 * width, width);
          for (let row = 0; row < 3; row++) {
            for (const at of [width - 1, width >> 1, width >> 2]) {
              data[row * width + at] = 1e6;
            }
          }
          const out = backend.tensor([3], "i32");
          backend.argmax(filled(backend, [3, width], data), out, 3);
          return out;
        },
      };
    }
  },

  *"argmax() finds the largest of negative numbers"() {
    yield {
      tolerance: 0,
      run: (backend) => {
        const data = outliers(33, 4).map((v) => -1 - Math.abs(v));
        const out = backend.tensor([1], "i32");
        backend.argmax(filled(backend, [1, 33], data), out, 1);
        return out;
      },
    };
  },
};
