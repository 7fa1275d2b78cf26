import {
  assertAlmostEquals,
  assertEquals,
  assertLess,
  assertThrows,
} from "@std/assert";
import { openCrew, splitBatch } from "../../train/crew.ts";
import { initialParameters } from "../../train/initial.ts";
import type { Batch } from "../../train/learner.ts";
import { everVisible } from "../../train/twin.ts";
import { relativeError } from "../kernels/numbers.ts";
import { tinyConfig } from "./tiny.ts";

const [rows, tokens] = [4, 16];
const shape = [rows, tokens];
const ids = Int32Array.from({ length: rows * tokens }, (_, i) => i * 7 % 45);
const { layers, kvHeads } = tinyConfig;
const batch: Batch = {
  ids: { data: ids, shape },
  until: {
    data: everVisible(tinyConfig, rows, tokens),
    shape: [rows, layers, kvHeads, tokens],
  },
  targets: { data: ids.map((id) => (id + 1) % 45), shape },
  weights: { data: new Float32Array(rows * tokens).fill(1 / 64), shape },
};

Deno.test("Two workers learn from a batch what one thread learns", async () => {
  const parameters = initialParameters(tinyConfig, 1);
  using one = await openCrew(tinyConfig, "crossEntropy", 0);
  using two = await openCrew(tinyConfig, "crossEntropy", 2);
  const [a, b] = await Promise.all([
    one.learn(parameters, batch),
    two.learn(parameters, batch),
  ]);
  assertAlmostEquals(b.loss, a.loss, 1e-6);
  assertLess(relativeError(b.gradient, a.gradient), 1e-5);
  assertEquals(b.figures, a.figures);
  const { ids, until } = batch;
  const seen = { ids: ids!, until: until! };
  assertEquals(
    await two.logits(parameters, seen),
    await one.logits(parameters, seen),
  );
});

Deno.test("splitBatch() keeps texts whole and refuses rows that do not divide", () => {
  const parts = splitBatch(batch, 2);
  assertEquals(parts[1]!.ids!.shape, [2, tokens]);
  assertEquals(parts[1]!.ids!.data, ids.slice(2 * tokens));
  assertEquals(parts[1]!.until!.shape, [2, layers, kvHeads, tokens]);
  assertThrows(() => splitBatch(batch, 3), RangeError, "multiple of 3");
});
