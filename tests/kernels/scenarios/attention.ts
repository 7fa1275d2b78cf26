import { filled, noise, odd, outliers } from "../numbers.ts";
import { ordered, shuffled, softened } from "./layer.ts";
import type { Suite } from "./scenario.ts";

/** Attention over a layer whose tokens are in no order. */
export const attention: Suite = {
  *"append() writes after what is cached"() {
    for (const n of odd) {
      for (const part of ["keys", "values", "positions"] as const) {
        yield {
          name: `${n} ${part}`,
          tolerance: 0,
          run: (backend) => {
            const cache = shuffled(backend, 40);
            const [k, v] = [1, 2].map((s) => noise(backend, [n, 2, 32], s));
            backend.append(cache, k, v, n, 7, 100, ["k", "v"]);
            return cache[part];
          },
        };
      }
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
