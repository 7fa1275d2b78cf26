import { assertAlmostEquals, assertEquals, assertNotEquals } from "@std/assert";
import { Random } from "../../train/random.ts";

const draws = (random: Random, n: number) =>
  Array.from({ length: n }, () => random.next());

Deno.test("Random gives the same stream again, and another for each number", () => {
  assertEquals(draws(new Random(1, 2), 9), draws(new Random(1, 2), 9));
  assertNotEquals(draws(new Random(1, 2), 9), draws(new Random(1, 3), 9));
  assertNotEquals(draws(new Random(1, 2), 9), draws(new Random(2, 2), 9));
});

Deno.test("Random.normal() has the mean 0 and the deviation 1", () => {
  const random = new Random(1);
  const values = Array.from({ length: 20_000 }, () => random.normal());
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const square = values.reduce((sum, x) => sum + x * x, 0) / values.length;
  assertAlmostEquals(mean, 0, 0.03);
  assertAlmostEquals(square, 1, 0.05);
});

Deno.test("Random.shuffled() gives every order alike", () => {
  const random = new Random(1);
  const counts = new Map<string, number>();
  for (let i = 0; i < 6000; i++) {
    const order = random.shuffled(["a", "b", "c"]).join("");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  assertEquals(counts.size, 6);
  for (const count of counts.values()) assertAlmostEquals(count, 1000, 130);
});
