import { nn, numpy as np } from "@jax-js/jax";

/** What an objective makes of logits. */
export interface Outcome {
  /** A number to make small: the sum over tokens. */
  readonly loss: np.Array;
  /** Figures of every token, `[rows * tokens]`, to be logged. */
  readonly figures: Record<string, np.Array>;
}

/**
 * A loss over the logits `[rows * tokens, vocabulary]` of a batch and over
 * arrays of the batch by name, all of which it uses up. It is a sum of
 * tokens' losses, so that those of parts of a batch add up.
 */
export type Objective = (
  logits: np.Array,
  batch: Record<string, np.Array>,
) => Outcome;

/**
 * Nats that a token's probability is taken to have fallen by at most: the
 * exponential of more overflows, and no weight, not even 0, would hold it.
 */
const FARTHEST = 20;

/** Objectives by the names that workers know them by. */
export const objectives: Record<ObjectiveName, Objective> = {
  crossEntropy,
  distillation,
  policyGradient,
};

/** Name of an objective. */
export type ObjectiveName = "crossEntropy" | "distillation" | "policyGradient";

/**
 * `sum(weight · -log p(target))`.
 *
 * @param batch `targets` `i32 [rows, tokens]` and `weights` `[rows, tokens]`.
 */
function crossEntropy(
  logits: np.Array,
  { targets, weights }: Record<string, np.Array>,
): Outcome {
  const predictions = np.argmax(logits.ref, -1);
  const logProbabilities = targetLogProbabilities(logits, targets!);
  const weighted = logProbabilities.mul(weights!.reshape([-1]));
  return { loss: weighted.sum().mul(-1), figures: { predictions } };
}

/**
 * `sum(weight · T² · KL(softmax(teacher / T) | softmax(logits / T)))`
 * (arXiv 1503.02531): T² keeps the gradient's size the same for every T.
 *
 * @param batch `teacher`, logits `[rows, tokens, vocabulary]`; `weights`
 * `[rows, tokens]`; `temperature` `[rows]`, T, the same in each.
 */
function distillation(
  logits: np.Array,
  { teacher, weights, temperature }: Record<string, np.Array>,
): Outcome {
  const predictions = np.argmax(logits.ref, -1);
  const vocabulary = logits.shape[1]!;
  const t = temperature!.slice([0, 1]).reshape([1, 1]);
  const target = nn.logSoftmax(
    teacher!.reshape([-1, vocabulary]).div(t.ref),
    -1,
  );
  const own = nn.logSoftmax(logits.div(t.ref), -1);
  const divergence = np.exp(target.ref).mul(target.sub(own)).sum(-1);
  const loss = divergence.ref.mul(weights!.reshape([-1])).sum()
    .mul(np.square(t.reshape([])));
  return { loss, figures: { predictions, divergence } };
}

/**
 * GRPO (arXiv 2402.03300): `sum(weight · (-min(r A, clip(r) A) + beta KL))`
 * with `r = p / p_old` and KL the estimate `p_ref / p - log(p_ref / p) - 1`.
 *
 * @param batch `targets` `i32`, `weights`, `advantages`, and the `old` and
 * `reference` log-probabilities, all `[rows, tokens]`; `settings` `[rows, 3]`:
 * least and greatest ratio, beta, the same in each row.
 */
function policyGradient(
  logits: np.Array,
  batch: Record<string, np.Array>,
): Outcome {
  const flat = (name: string) => batch[name]!.reshape([-1]);
  const all = nn.logSoftmax(logits.ref, -1);
  const entropy = np.exp(all.ref).mul(all).sum(-1).mul(-1);
  const own = targetLogProbabilities(logits, batch.targets!);
  const ratio = np.exp(own.ref.sub(flat("old")));
  const setting = (at: number) =>
    batch.settings!.ref.slice([0, 1], at).reshape([]);
  const clipped = np.minimum(np.maximum(ratio.ref, setting(0)), setting(1));
  const advantages = flat("advantages");
  const gain = np.minimum(
    ratio.ref.mul(advantages.ref),
    clipped.mul(advantages),
  );
  const off = np.minimum(flat("reference").sub(own), FARTHEST);
  const divergence = np.exp(off.ref).sub(off).sub(1);
  const loss = divergence.ref.mul(setting(2)).sub(gain).mul(flat("weights"))
    .sum();
  batch.settings!.dispose();
  return { loss, figures: { entropy, divergence, ratio } };
}

/** `[rows * tokens]`. */
export function targetLogProbabilities(
  logits: np.Array,
  targets: np.Array,
): np.Array {
  const vocabulary = logits.shape[1]!;
  const isTarget = np.equal(
    targets.reshape([-1, 1]),
    np.arange(vocabulary).reshape([1, vocabulary]),
  );
  return np.where(isTarget, nn.logSoftmax(logits, -1), 0).sum(-1);
}
