import { assertAlmostEquals, assertEquals, assertGreater } from "@std/assert";
import {
  Distribution,
  klDivergence,
} from "../../../model/evaluation/distribution.ts";
import { Tally } from "../../../model/evaluation/tally.ts";
import { randomNormal } from "../fixtures.ts";

const log = (probabilities: number[]) => probabilities.map(Math.log);

function normal(seed: number): number[] {
  return Array.from({ length: 1000 }, randomNormal(seed));
}

Deno.test("klDivergence() of two coins is what the definition says", () => {
  const expected = 0.5 * Math.log(0.5 / 0.9) + 0.5 * Math.log(0.5 / 0.1);
  const [p, q] = [log([0.5, 0.5]), log([0.9, 0.1])];
  assertAlmostEquals(klDivergence(p, q), expected, 1e-12);
});

Deno.test("klDivergence() is no different when a number is added to all logits", () => {
  const p = normal(1);
  const q = normal(2);
  const moved = Float64Array.from(q, (logit) => logit + 700);
  assertGreater(klDivergence(p, q), 0.1);
  assertAlmostEquals(klDivergence(p, moved), klDivergence(p, q), 1e-9);
});

Deno.test("klDivergence() of logits from themselves is zero, of near ones tiny", () => {
  const p = normal(1);
  assertEquals(klDivergence(p, p), 0);
  const near = p.map((logit, i) => logit + (i % 2 ? 1e-4 : -1e-4));
  const divergence = klDivergence(p, near);
  // Half the variance of the differences, to second order.
  assertAlmostEquals(divergence, 0.5e-8, 0.1e-8);
});

Deno.test("Distribution knows probabilities and the first of the likeliest tokens", () => {
  const distribution = new Distribution(log([0.1, 0.4, 0.4, 0.1]));
  assertEquals(distribution.likeliest, 1);
  assertAlmostEquals(distribution.logProbability(3), Math.log(0.1), 1e-12);
});

Deno.test("Tally gives mean divergence, agreement and perplexity", () => {
  const tally = new Tally();
  const truth = new Distribution(log([0.5, 0.3, 0.2]));
  const other = new Distribution(log([0.2, 0.7, 0.1]));
  tally.add(truth, other, 0);
  tally.add(truth, truth, 1);
  const { positions, divergence, agreement, perplexity } = tally.closeness();
  assertEquals([positions, agreement], [2, 0.5]);
  assertAlmostEquals(divergence, truth.divergence(other) / 2, 1e-12);
  assertAlmostEquals(perplexity, 1 / Math.sqrt(0.2 * 0.3), 1e-12);
});
