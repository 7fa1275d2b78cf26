import type { Backend } from "../../../kernels/backend.ts";
import type {
  SelectionCounts,
  SelectionRule,
  SelectionTensors,
} from "../../../kernels/selection.ts";
import type { Tensor } from "../../../kernels/tensors.ts";
import { filled, odd, outliers } from "../numbers.ts";
import { ordered, shuffled, softened } from "./layer.ts";
import type { Suite } from "./scenario.ts";

/** Counts of tokens to select from, also more than a workgroup has lanes. */
const sizes = [...odd, 300];

const merges = ["max", "mean", "sum"] as const;

/** What a scenario may vary, and the result that it compares. */
interface Selected extends Partial<SelectionCounts> {
  rule?: SelectionRule;
  scores?: Float32Array;
  part: keyof SelectionTensors;
}

/** Selection, its stages on their own and together. */
export const selection: Suite = {
  *"select() merges the history by every rule, and remembers what it kept"() {
    for (const merge of merges) {
      for (const older of sizes) {
        for (const remembered of new Set([0, older >> 1, older])) {
          for (const part of ["scores", "finalScores", "history"] as const) {
            const rule = { history: { merge, decay: 0.8 } };
            yield {
              name: `${merge} ${part} ${remembered} of ${older}`,
              tolerance: 1e-6,
              run: (b) => selected(b, older, { rule, remembered, part }),
            };
          }
        }
      }
    }
  },

  *"select() leaves scores that are all zero"() {
    const rule = { history: { merge: "max" as const, decay: 0.8 } };
    const scores = new Float32Array(2 * 300);
    yield {
      tolerance: 0,
      run: (b) => selected(b, 31, { rule, scores, part: "finalScores" }),
    };
  },

  *"select() pools over widths beyond both ends"() {
    for (const pool of [1, 3, 5, 7]) {
      for (const older of sizes) {
        const scores = outliers(2 * (older + 7), older);
        yield {
          name: `${pool} over ${older}`,
          tolerance: 0,
          run: (b) =>
            selected(b, older, { rule: { pool }, scores, part: "finalScores" }),
        };
      }
    }
  },

  *"select() weighs redundancy, with a history relative to its maximum"() {
    for (const older of sizes) {
      for (const window of [0, 1, 2]) {
        for (const merge of [undefined, ...merges]) {
          const rule = {
            redundancy: { mix: 0.3 },
            ...(merge && { history: { merge, decay: 0.8 } }),
          };
          yield {
            name: `${older} and ${window}, history ${merge}`,
            tolerance: softened,
            run: (b) =>
              selected(b, older, { rule, window, part: "finalScores" }),
          };
        }
      }
    }
  },

  *"select() breaks ties by rank and takes protected tokens first"() {
    for (const older of [...odd, 600]) {
      // Few different values, negative ones and both zeros among them.
      const scores = outliers(2 * (older + 7), older).map((v) => Math.round(v));
      for (const k of new Set([0, 1, older >> 1, older - 1, older])) {
        const protect = Math.min(3, k);
        yield {
          name: `${k} of ${older}`,
          tolerance: 0,
          run: (b) => selected(b, older, { k, protect, scores, part: "kept" }),
        };
      }
    }
  },

  *"select() fills quotas of blocks, ties by rank, beside the protected"() {
    const rule = { quota: { blocks: 4, share: 0.5 } };
    for (const older of [...odd, 600]) {
      const scores = outliers(2 * (older + 7), older).map((v) => Math.round(v));
      const size = Math.ceil(3 * older / 4);
      for (const [blockSize, perBlock] of [[size, 1], [7, 2], [size, older]]) {
        for (const part of ["finalScores", "kept"] as const) {
          const counts = { blockSize, perBlock, protect: older >> 2 };
          yield {
            name: `${part} of ${older}, ${perBlock} of ${blockSize}`,
            tolerance: 0,
            run: (b) => selected(b, older, { rule, scores, part, ...counts }),
          };
        }
      }
    }
  },

  *"select() goes through all stages"() {
    const history = { merge: "max", decay: 0.8 } as const;
    // No quota after a redundancy: pooling makes scores alike but for
    // redundancies that float32 does not tell apart.
    const rules: SelectionRule[] = [
      { history, pool: 5, redundancy: { mix: 0.1 } },
      { history, pool: 5, quota: { blocks: 3, share: 0.5 } },
    ];
    const counts = {
      ...{ remembered: 20, protect: 4 },
      ...{ blockSize: 80, perBlock: 3 },
    };
    for (const older of [31, 33, 600]) {
      for (const rule of rules) {
        for (const part of ["finalScores", "history", "kept"] as const) {
          yield {
            name: `${part} of ${older}, ${Object.keys(rule)}`,
            tolerance: part === "kept" ? 0 : softened,
            run: (b) => selected(b, older, { rule, part, ...counts }),
          };
        }
      }
    }
  },
};

/** Selects from the `older` tokens before a window, and gives a result. */
function selected(
  backend: Backend,
  older: number,
  { rule = {}, part, scores, ...counts }: Selected,
): Tensor {
  const { window = 2, k = Math.ceil(older / 2) } = counts;
  const { remembered = 0, protect = 0, blockSize = 0, perBlock = 0 } = counts;
  const n = older + window;
  const cache = shuffled(backend, n, { headDim: 4, slots: older + 7 });
  const shape = [2, older + 7];
  const positive = (seed: number) =>
    filled(backend, shape, outliers(2 * shape[1], seed).map(Math.abs));
  const tensors = {
    scores: scores
      ? filled(backend, shape, scores.subarray(0, 2 * shape[1]))
      : positive(older),
    similarities: positive(older + 1),
    history: rule.history && positive(older + 2),
    positions: cache.positions,
    order: ordered(backend, cache, n),
    finalScores: backend.tensor(shape),
    kept: backend.tensor(shape, "i32"),
  };
  backend.select(rule, tensors, {
    ...{ n, window, k, remembered, protect },
    ...{ blockSize, perBlock },
  });
  return tensors[part]!;
}
