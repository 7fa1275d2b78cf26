import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import { AdamW, learningRateAt } from "../../train/adamw.ts";
import { parameterCount } from "../../train/twin_config.ts";
import { tinyConfig } from "./tiny.ts";

const count = parameterCount(tinyConfig);
const embedding = tinyConfig.vocabulary * tinyConfig.embedding;

Deno.test("AdamW's first step is the learning rate against the gradient's sign", () => {
  const values = new Float32Array(count).fill(1);
  const gradient = new Float32Array(count).fill(1e-3);
  const optimizer = new AdamW(tinyConfig, { weightDecay: 0.5 });
  optimizer.update(values, gradient, 1, 0.01);
  assertAlmostEquals(values[0]!, 1 - 0.01 * 0.5 - 0.01, 1e-6); // a matrix
  assertAlmostEquals(values[embedding]!, 1 - 0.01, 1e-6); // a norm
});

Deno.test("AdamW follows its recurrence over several steps", () => {
  const values = new Float32Array(count);
  const optimizer = new AdamW(tinyConfig, { weightDecay: 0, clip: 1e9 });
  let [value, mean, square] = [0, 0, 0];
  for (let step = 1; step <= 5; step++) {
    const g = Math.sin(step);
    optimizer.update(values, new Float32Array(count).fill(g), step, 0.1);
    mean = 0.9 * mean + 0.1 * g;
    square = 0.98 * square + 0.02 * g * g;
    value -= 0.1 * mean / (1 - 0.9 ** step) /
      (Math.sqrt(square / (1 - 0.98 ** step)) + 1e-8);
  }
  assertAlmostEquals(values[3]!, value, 1e-5);
});

Deno.test("AdamW shortens a long gradient and gives its length", () => {
  const gradient = new Float32Array(count);
  gradient[0] = 30;
  gradient[1] = 40;
  const optimizer = new AdamW(tinyConfig, { clip: 5 });
  const length = optimizer.update(new Float32Array(count), gradient, 1, 0.1);
  assertAlmostEquals(length, 50, 1e-6);
  assertAlmostEquals(optimizer.mean[0]!, 0.1 * 3, 1e-6);
  assertAlmostEquals(optimizer.mean[1]!, 0.1 * 4, 1e-6);
});

Deno.test("AdamW refuses a gradient that is not finite and changes nothing", () => {
  const values = new Float32Array(count).fill(1);
  const gradient = new Float32Array(count).fill(1);
  gradient[7] = NaN;
  const optimizer = new AdamW(tinyConfig);
  const update = () => optimizer.update(values, gradient, 3, 0.1);
  assertThrows(update, RangeError, "step 3");
  assertEquals(new Set(values), new Set([1]));
  assertEquals(new Set(optimizer.mean), new Set([0]));
});

Deno.test("learningRateAt() rises, stays and falls along a cosine", () => {
  const rate = { peak: 2, warmUp: 100, decay: 0.4, floor: 0.01 };
  assertEquals(learningRateAt(rate, 50, 0), 1);
  assertEquals(learningRateAt(rate, 200, 0.6), 2);
  assertAlmostEquals(learningRateAt(rate, 200, 0.8), 2 * 0.505, 1e-12);
  assertAlmostEquals(learningRateAt(rate, 200, 1), 0.02, 1e-12);
  assertLess(learningRateAt(rate, 200, 0.9), learningRateAt(rate, 200, 0.7));
});
