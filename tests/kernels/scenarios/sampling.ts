import type { Backend } from "../../../kernels/backend.ts";
import type { Sampling } from "../../../kernels/ops.ts";
import type { Tensor } from "../../../kernels/tensors.ts";
import { uniform } from "../../../model/sampling/random.ts";
import { filled, outliers } from "../numbers.ts";
import type { Suite } from "./scenario.ts";

/** No truncation. */
export const whole: Sampling = { temperature: 1, topK: 0, topP: 1, minP: 0 };

/** Every truncation alone and with others. */
export const samplings: readonly Sampling[] = [
  whole,
  { ...whole, temperature: 0.3 },
  { ...whole, topK: 1 },
  { ...whole, topK: 20 },
  { ...whole, topK: 1e6 },
  { ...whole, topP: 1e-9 },
  { ...whole, topP: 0.5 },
  { ...whole, topP: 0.95 },
  { ...whole, minP: 0.1 },
  { ...whole, minP: 1 },
  { temperature: 2, topK: 300, topP: 0.9, minP: 0.01 },
];

/** Ids drawn from the same logits, each with a draw of its own. */
export function draws(
  backend: Backend,
  logits: ArrayLike<number>,
  sampling: Sampling,
  count: number,
): Tensor {
  const out = backend.tensor([1, count], "i32");
  const given = filled(backend, [1, logits.length], logits);
  const used = backend.tensor([1, logits.length]);
  for (let i = 0; i < count; i++) {
    backend.copy(given, 0, used, 0, 1);
    const place = backend.slice(out, i, i + 1);
    backend.sample(used, place, sampling, uniform(7, i));
  }
  return out;
}

/** The choice of tokens; of so few that rounding decides none of them. */
export const sampling: Suite = {
  *"sample() draws as the reference for every truncation"() {
    for (const vocabulary of [1, 2, 33, 300]) {
      for (const sampling of samplings) {
        yield {
          name: `${vocabulary} ${JSON.stringify(sampling)}`,
          tolerance: 0,
          run: (backend) =>
            draws(backend, outliers(vocabulary, 9), sampling, 12),
        };
      }
    }
  },

  *"sample() takes the lowest ids of equal tokens"() {
    const flat = new Float32Array(700);
    for (const sampling of [{ topK: 3 }, { topP: 0.5 }, { minP: 1 }]) {
      yield {
        name: JSON.stringify(sampling),
        tolerance: 0,
        run: (backend) => draws(backend, flat, { ...whole, ...sampling }, 20),
      };
    }
  },

  *"sample() draws the first and the last token at the ends"() {
    for (const draw of [0, 1 - 2 ** -32]) {
      yield {
        name: `${draw}`,
        tolerance: 0,
        run: (backend) => {
          const out = backend.tensor([1], "i32");
          const logits = filled(backend, [1, 1000], new Float32Array(1000));
          backend.sample(logits, out, whole, draw);
          return out;
        },
      };
    }
  },
};
