import type { Backend } from "../../../kernels/backend.ts";
import type { HeadRule } from "../../../kernels/layer_cache.ts";
import type { CacheType, Tensor } from "../../../kernels/tensors.ts";
import { filled, noise, odd, outliers } from "../numbers.ts";
import { numbersIn, ordered, shuffled, softened, types } from "./layer.ts";
import type { Suite } from "./scenario.ts";

/**
 * How far attention over the same stored numbers may be off: the integer dots
 * of WebAssembly round queries to 14 bits, 2^-14 of scores up to some tens.
 */
const attended: Readonly<Record<CacheType, number>> = {
  f32: softened,
  f16: softened,
  int8: 2e-3,
};

/**
 * How far a stored number may be off, relative to the largest: another order
 * of additions may turn a number between two of `int8` to the other one.
 */
const between: Readonly<Record<CacheType, number>> = {
  f32: 0,
  f16: 0,
  int8: 1.001 / 127,
};

/** Queries, tokens before them, and heads that share a KV head. */
const shapes = [[1, 0, 1], [1, 32, 3], [1, 150, 8], [3, 0, 3], [33, 70, 5]];

/** Attention over a layer whose tokens are in no order. */
export const attention: Suite = {
  *"append() writes after what is cached"() {
    for (const type of types) {
      for (const headDim of [12, 64, 256]) {
        for (const n of odd) {
          for (const part of ["keys", "values", "positions"] as const) {
            const rounded = part === "positions" ? 0 : between[type];
            yield {
              name: `${n} ${part} of ${headDim}, ${type}`,
              tolerance: rounded,
              run: (backend) => {
                const cache = shuffled(backend, 40, { headDim, type });
                const [k, v] = [1, 2].map((s) =>
                  noise(backend, [n, 2, headDim], s)
                );
                backend.append(cache, k, v, n, 7, 100, ["k", "v"]);
                return numbersIn(backend, cache[part], 45);
              },
            };
          }
        }
      }
    }
  },

  *"append() rounds to float16, ties to even, at most 65,504"() {
    const data = [
      ...[1 + 2 ** -11, 1 + 3 * 2 ** -11, -1 - 2 ** -11, 2 - 2 ** -12],
      ...[65504, 65519, 65520, -1e30, 3e38, 2 ** -14 - 2 ** -25],
      ...[2 ** -24, 2 ** -25, 3 * 2 ** -25, -(2 ** -26), 5e-8, -0],
    ];
    yield {
      tolerance: 0,
      run: (backend) => {
        const cache = shuffled(backend, 1, { headDim: 8, type: "f16" });
        const k = filled(backend, [1, 2, 8], data);
        backend.append(cache, k, k, 1, 0, 0, ["k", "v"]);
        return numbersIn(backend, cache.keys, 1);
      },
      // Some are so small that nobody would see them beside the others.
      arrange: (numbers) =>
        numbers.map((x) =>
          x === 0 ? 0 : Math.log2(Math.abs(x)) + 40 + 100 * Math.sign(x)
        ),
    };
  },

  *"append() of zeros gives zeros"() {
    for (const type of types) {
      yield {
        name: type,
        tolerance: 0,
        run: (backend) => {
          const cache = shuffled(backend, 3, { type });
          const zeros = backend.tensor([2, 2, 32]);
          backend.append(cache, zeros, zeros, 2, 0, 0, ["k", "v"]);
          return numbersIn(backend, cache.keys, 2);
        },
      };
    }
  },

  *"attention() of one query agrees for every group and head size"() {
    for (let group = 1; group <= 8; group++) {
      for (const headDim of [8, 32, 64, 80, 128]) {
        for (const cached of [...odd, 64, 200]) {
          yield {
            name: `group ${group} headDim ${headDim} cached ${cached}`,
            tolerance: softened,
            run: (backend) => {
              const cache = shuffled(backend, cached, { headDim });
              const q = noise(backend, [1, 2 * group, headDim], 5);
              const out = backend.tensor([1, 2 * group, headDim]);
              backend.attention(q, cache, out, 1, cached, "q");
              return out;
            },
          };
        }
      }
    }
  },

  *"attention() of a chunk is causal at odd sizes"() {
    for (const n of odd) {
      for (const before of [0, 1, 63, 130]) {
        for (const group of [1, 3, 8]) {
          yield {
            name: `${n} after ${before}, group ${group}`,
            tolerance: softened,
            run: (backend) => {
              const cache = shuffled(backend, n + before, { headDim: 64 });
              const q = noise(backend, [n, 2 * group, 64], 5);
              const out = backend.tensor([n, 2 * group, 64]);
              backend.attention(q, cache, out, n, n + before, "q");
              return out;
            },
          };
        }
      }
    }
  },

  *"attention() agrees for every cache type"() {
    for (const type of types) {
      for (const headDim of [4, 12, 64, 80, 128, 256]) {
        for (const [n, before, group] of [[1, 0, 3], [1, 199, 8], [5, 60, 2]]) {
          yield {
            name: `${n} after ${before}, ${headDim}, ${type}`,
            tolerance: attended[type],
            run: (backend) => {
              const cached = n + before;
              const cache = shuffled(backend, cached, { headDim, type });
              const q = noise(backend, [n, 2 * group, headDim], 5);
              const out = backend.tensor([n, 2 * group, headDim]);
              backend.attention(q, cache, out, n, cached, "q");
              return out;
            },
          };
        }
      }
    }
  },

  *"attention() over integers agrees for every number of rows"() {
    for (const headDim of [16, 144]) {
      for (const group of [1, 2, 3, 4, 6, 7, 9]) {
        yield {
          name: `group ${group} headDim ${headDim}`,
          tolerance: attended.int8,
          run: (backend) => {
            const cache = shuffled(backend, 70, { headDim, type: "int8" });
            const q = noise(backend, [1, 2 * group, headDim], 5);
            const out = backend.tensor([1, 2 * group, headDim]);
            backend.attention(q, cache, out, 1, 70, "q");
            return out;
          },
        };
      }
    }
  },

  *"attention() adds up what tokens get, by both rules"() {
    for (const heads of ["max", "mean"] as const) {
      for (const [n, before, group] of shapes) {
        for (const tallied of [0, 1, 9]) {
          for (const part of ["sums", "squares", "out"] as const) {
            yield {
              name:
                `${part} ${heads} ${n} after ${before}, ${group}, ${tallied}`,
              tolerance: softened,
              run: (backend) => {
                const scene = { n, before, group, tallied, heads };
                return tallying(backend, scene)[part];
              },
            };
          }
        }
      }
    }
  },

  *"attention() adds up for every cache type, without squares too"() {
    for (const type of types) {
      yield {
        name: type,
        tolerance: attended[type],
        run: (backend) =>
          tallying(backend, {
            ...{ n: 3, before: 70, group: 3, tallied: 2, heads: "max" },
            ...{ type, squared: false },
          }).sums,
      };
    }
  },

  *"attention() holds with scores in the thousands"() {
    yield {
      tolerance: softened,
      run: (backend) => {
        const cache = shuffled(backend, 33);
        const data = outliers(4 * 32, 5).map((value) => 1000 * value);
        const out = backend.tensor([1, 4, 32]);
        const q = filled(backend, [1, 4, 32], data);
        backend.attention(q, cache, out, 1, 33, "q");
        return out;
      },
    };
  },

  *"order() sorts the slots in use by position"() {
    for (const n of [...odd, 500]) {
      yield {
        name: `${n}`,
        tolerance: 0,
        run: (b) => ordered(b, shuffled(b, n), n),
      };
    }
  },
};

interface Tallying {
  n: number;
  before: number;
  group: number;
  tallied: number;
  heads: HeadRule;
  type?: CacheType;
  squared?: boolean;
}

/** Attention with a tally in the middle of larger tensors. */
function tallying(
  backend: Backend,
  { n, before, group, tallied, heads, type = "f32", squared = true }: Tallying,
): { sums: Tensor; squares: Tensor; out: Tensor } {
  const cached = n + before;
  const headDim = 16;
  const cache = shuffled(backend, cached, { headDim, type });
  const q = noise(backend, [n, 2 * group, headDim], 5);
  const out = backend.tensor([n, 2 * group, headDim]);
  const positive = (seed: number) =>
    filled(
      backend,
      [2, cached + 5],
      outliers(2 * (cached + 5), seed).map(Math.abs),
    );
  const [sums, squares] = [positive(1), positive(2)];
  const inside = (tensor: Tensor) => backend.slice(tensor, 2, cached + 5);
  const tally = {
    sums: inside(sums),
    squares: squared ? inside(squares) : undefined,
    heads,
  };
  backend.attention(q, cache, out, n, cached, "q", tally, tallied);
  return { sums, squares, out };
}
