import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertLess,
} from "@std/assert";
import { initialParameters } from "../../train/initial.ts";
import { type Batch, makeLearner } from "../../train/learner.ts";
import type { ObjectiveName } from "../../train/objectives.ts";
import { Random } from "../../train/random.ts";
import { everVisible } from "../../train/twin.ts";
import { tinyConfig } from "./tiny.ts";

const [rows, tokens] = [2, 12];
const size = rows * tokens;
const shape = [rows, tokens];
const { layers, kvHeads, vocabulary } = tinyConfig;
const random = new Random(3);
const normals = (n: number) =>
  Float32Array.from({ length: n }, () => random.normal());
const parameters = initialParameters(tinyConfig, 2);
const ids = Int32Array.from({ length: size }, () => random.below(vocabulary));
const targets = Int32Array.from({ length: size }, () => random.below(40));
const weights = Float32Array.from({ length: size }, () => random.next());
const seen: Batch = {
  ids: { data: ids, shape },
  until: {
    data: everVisible(tinyConfig, rows, tokens),
    shape: [rows, layers, kvHeads, tokens],
  },
};

function logSoftmax(row: ArrayLike<number>, temperature = 1): number[] {
  const scaled = Array.from(row, (x) => x / temperature);
  const most = Math.max(...scaled);
  const sum = scaled.reduce((all, x) => all + Math.exp(x - most), 0);
  return scaled.map((x) => x - most - Math.log(sum));
}

const rowsOf = (logits: Float32Array) =>
  Array.from(
    { length: size },
    (_, i) => logits.slice(i * vocabulary, (i + 1) * vocabulary),
  );

/** Loss in float64 of the twin's own logits, and its slope along a direction. */
async function agrees(
  objective: ObjectiveName,
  batch: Batch,
  expected: (logits: Float32Array[]) => number,
): Promise<void> {
  const { learn, logits } = await makeLearner(tinyConfig, objective);
  const at = (values: Float32Array<ArrayBuffer>) =>
    expected(rowsOf(logits(values, seen)));
  const { loss, gradient } = learn(parameters, { ...seen, ...batch });
  assertAlmostEquals(loss, at(parameters), 1e-4 * (1 + Math.abs(loss)));
  const direction = normals(parameters.length);
  const slope = gradient.reduce((sum, g, i) => sum + g * direction[i]!, 0);
  const moved = (distance: number) =>
    at(parameters.map((value, i) => value + distance * direction[i]!));
  const step = 5e-4;
  const difference = (moved(step) - moved(-step)) / (2 * step);
  assertLess(Math.abs(difference - slope), 0.02 * Math.abs(slope) + 1e-2);
}

Deno.test("crossEntropy is what its formula says, and its gradient too", async () => {
  const batch = {
    targets: { data: targets, shape },
    weights: { data: weights, shape },
  };
  await agrees(
    "crossEntropy",
    batch,
    (logits) =>
      logits.reduce(
        (sum, row, i) => sum - weights[i]! * logSoftmax(row)[targets[i]!]!,
        0,
      ),
  );
});

Deno.test("distillation is what its formula says, and its gradient too", async () => {
  const teacher = normals(size * vocabulary);
  const t = 2;
  const batch = {
    teacher: { data: teacher, shape: [rows, tokens, vocabulary] },
    weights: { data: weights, shape },
    temperature: { data: new Float32Array(rows).fill(t), shape: [rows] },
  };
  const truth = rowsOf(teacher).map((row) => logSoftmax(row, t));
  await agrees(
    "distillation",
    batch,
    (logits) =>
      logits.reduce((sum, row, i) => {
        const own = logSoftmax(row, t);
        const divergence = truth[i]!.reduce(
          (all, x, j) => all + Math.exp(x) * (x - own[j]!),
          0,
        );
        return sum + weights[i]! * t * t * divergence;
      }, 0),
  );
});

Deno.test("distillation from one's own logits has no loss and no gradient", async () => {
  const { learn, logits } = await makeLearner(tinyConfig, "distillation");
  const batch = {
    ...seen,
    teacher: {
      data: logits(parameters, seen) as Float32Array<ArrayBuffer>,
      shape: [rows, tokens, vocabulary],
    },
    weights: { data: weights, shape },
    temperature: { data: new Float32Array(rows).fill(1), shape: [rows] },
  };
  const { loss, gradient } = learn(parameters, batch);
  assertAlmostEquals(loss, 0, 1e-4);
  assertLess(Math.max(...gradient.map(Math.abs)), 1e-4);
});

Deno.test("policyGradient is what its formula says, and its gradient too", async () => {
  const { logits } = await makeLearner(tinyConfig, "crossEntropy");
  const own = rowsOf(logits(parameters, seen))
    .map((row, i) => logSoftmax(row)[targets[i]!]!);
  // Ratios on both sides of the clip's ends, far enough for the differences.
  const ratios = own.map((_, i) => [0.5, 0.9, 1.1, 1.6][i % 4]!);
  const old = Float32Array.from(own, (x, i) => x - Math.log(ratios[i]!));
  const reference = Float32Array.from(own, (x) => x + 0.3 * random.normal());
  const advantages = normals(size);
  const [least, most, beta] = [0.8, 1.3, 0.1];
  const batch = {
    targets: { data: targets, shape },
    weights: { data: weights, shape },
    advantages: { data: advantages, shape },
    old: { data: old, shape },
    reference: { data: reference, shape },
    settings: {
      data: Float32Array.from([least, most, beta, least, most, beta]),
      shape: [rows, 3],
    },
  };
  await agrees(
    "policyGradient",
    batch,
    (rowsOfLogits) =>
      rowsOfLogits.reduce((sum, row, i) => {
        const p = logSoftmax(row)[targets[i]!]!;
        const ratio = Math.exp(p - old[i]!);
        const clipped = Math.min(most, Math.max(least, ratio));
        const a = advantages[i]!;
        const gain = Math.min(ratio * a, clipped * a);
        const off = reference[i]! - p;
        return sum + weights[i]! * (beta * (Math.exp(off) - off - 1) - gain);
      }, 0),
  );
});

Deno.test("policyGradient is finite where a token has become impossible", async () => {
  const { learn } = await makeLearner(tinyConfig, "policyGradient");
  const zeros = { data: new Float32Array(size), shape };
  const { loss, gradient, figures } = learn(parameters, {
    ...seen,
    targets: { data: targets, shape },
    weights: { data: weights, shape },
    advantages: zeros,
    old: zeros,
    // As if it had been e^100 times likelier than anything can be.
    reference: { data: new Float32Array(size).fill(100), shape },
    settings: {
      data: Float32Array.from([0.8, 1.3, 0, 0.8, 1.3, 0]),
      shape: [rows, 3],
    },
  });
  assertEquals(loss, 0);
  assert(gradient.every((value) => value === 0));
  // float32: the exponential is right to 1e-6 of itself.
  assertAlmostEquals(figures.divergence![0]!, Math.exp(20), 500);
});

Deno.test("policyGradient's figures are entropy, divergence and ratio of each token", async () => {
  const { learn, logits } = await makeLearner(tinyConfig, "policyGradient");
  const all = rowsOf(logits(parameters, seen)).map((row) => logSoftmax(row));
  const own = Float32Array.from(all, (row, i) => row[targets[i]!]!);
  const { figures } = learn(parameters, {
    ...seen,
    targets: { data: targets, shape },
    weights: { data: weights, shape },
    advantages: { data: new Float32Array(size), shape },
    old: { data: own.map((x) => x - Math.log(2)), shape },
    reference: { data: own, shape },
    settings: { data: new Float32Array(2 * 3).fill(1), shape: [rows, 3] },
  });
  assertEquals(Object.keys(figures).sort(), ["divergence", "entropy", "ratio"]);
  for (const [i, row] of all.entries()) {
    const entropy = -row.reduce((sum, x) => sum + Math.exp(x) * x, 0);
    assertAlmostEquals(figures.entropy![i]!, entropy, 1e-4);
    assertAlmostEquals(figures.ratio![i]!, 2, 1e-4);
    assertAlmostEquals(figures.divergence![i]!, 0, 1e-5);
  }
});
