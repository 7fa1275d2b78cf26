import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { gkv } from "../../cache/policies/mod.ts";
import { openCrew, splitBatch } from "../../train/crew.ts";
import { initialParameters } from "../../train/initial.ts";
import type { Batch } from "../../train/learner.ts";
import type { Opening } from "../../train/member.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";
import { everVisible } from "../../train/twin.ts";
import { relativeError } from "../kernels/numbers.ts";
import { tinyConfig } from "./tiny.ts";

const [rows, tokens] = [4, 16];
const shape = [rows, tokens];
const ids = Int32Array.from({ length: rows * tokens }, (_, i) => i * 7 % 45);
const { layers, kvHeads } = tinyConfig;
const opening: Opening = {
  config: tinyConfig,
  objective: "crossEntropy",
  vocabulary: lemmaChain.vocabulary,
};
const eviction = { policy: gkv({ window: 4, interval: 8 }), tokens: 24 };
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
  using one = openCrew(opening, 0);
  using two = openCrew(opening, 2);
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

const END = lemmaChain.vocabulary.indexOf(".");
/** More texts than are decoded together, and an odd number of them. */
const texts = Array.from(
  { length: 11 },
  (_, row) => Array.from({ length: 80 }, (_, i) => (i * i + row * i) % 45),
);

Deno.test("force() gives each text the mask it has alone, whoever does it", async () => {
  const parameters = initialParameters(tinyConfig, 1);
  using one = openCrew(opening, 0);
  using three = openCrew(opening, 3);
  const forcing = { texts, prompt: 40, eviction };
  const masks = await three.force(parameters, forcing);
  assertEquals(await one.force(parameters, forcing), masks);
  const size = layers * kvHeads * 80;
  assertEquals(masks.length, texts.length * size);
  for (const i of [2, 10]) {
    const alone = await one.force(parameters, {
      ...forcing,
      texts: [texts[i]!],
    });
    assertEquals(masks.slice(i * size, (i + 1) * size), alone);
    assertGreater(alone.filter((until) => until < 80).length, 0);
  }
  const single = { ...forcing, texts: texts.slice(0, 1) };
  assertEquals(await three.force(parameters, single), masks.slice(0, size));
});

Deno.test("draw() draws the same solutions, whoever does it", async () => {
  const parameters = initialParameters(tinyConfig, 1);
  using one = openCrew(opening, 0);
  using three = openCrew(opening, 3);
  const draws = texts.map((text, i) => ({ ids: text.slice(0, 30), seed: i }));
  const drawing = { draws, eviction, maxTokens: 40 };
  const drawn = await three.draw(parameters, drawing);
  assertEquals(await one.draw(parameters, drawing), drawn);
  const alone = { ...drawing, draws: draws.slice(10) };
  assertEquals(await one.draw(parameters, alone), drawn.slice(10));
  for (const [i, { ids, until, isCutOff }] of drawn.entries()) {
    assertEquals(ids.slice(0, 30), draws[i]!.ids);
    assertEquals(until.length, layers * kvHeads * (ids.length - 1));
    assertEquals(isCutOff, ids.length === 70 && ids.at(-1) !== END);
  }
});

Deno.test("A worker's error reaches the caller, and the worker goes on", async () => {
  const parameters = initialParameters(tinyConfig, 1);
  using crew = openCrew(opening, 1);
  const forcing = { texts: texts.slice(0, 1), prompt: 40, eviction };
  const refused = { ...eviction, tokens: 3 };
  await assertRejects(
    () => crew.force(parameters, { ...forcing, eviction: refused }),
    RangeError,
    "budget",
  );
  const masks = await crew.force(parameters, forcing);
  assertEquals(masks.length, layers * kvHeads * 80);
});

Deno.test("splitBatch() keeps texts whole and refuses rows that do not divide", () => {
  const parts = splitBatch(batch, 2);
  assertEquals(parts[1]!.ids!.shape, [2, tokens]);
  assertEquals(parts[1]!.ids!.data, ids.slice(2 * tokens));
  assertEquals(parts[1]!.until!.shape, [2, layers, kvHeads, tokens]);
  assertThrows(() => splitBatch(batch, 3), RangeError, "multiple of 3");
});
