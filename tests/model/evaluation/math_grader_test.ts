import { assertEquals, assertLess } from "@std/assert";
import { MathGrader } from "../../../model/evaluation/math_grader.ts";

Deno.test("MathGrader compares as mathematics, in any number at once", async () => {
  using grader = new MathGrader();
  const found = await Promise.all([
    grader.isEqual("\\frac12", "0.5"),
    grader.isEqual("x^2", "x^3"),
    grader.isEqual("(x+1)^2", "x^2+2x+1"),
    grader.isEqual("007", "7"),
  ]);
  assertEquals(found, [true, false, true, true]);
});

Deno.test("MathGrader gives up at its deadline and goes on with the next", async () => {
  using grader = new MathGrader({ deadline: 500 });
  // The parser takes for ever over it.
  assertEquals(await grader.isEqual("|".repeat(200), "3"), false);
  assertEquals(await grader.isEqual("\\frac{6}{2}", "3"), true);
});

Deno.test("MathGrader does not read what is too long", async () => {
  using grader = new MathGrader();
  const sum = Array.from({ length: 200 }, (_, i) => i).join("+");
  const start = performance.now();
  assertEquals(await grader.isEqual(sum, "19900"), false);
  assertEquals(await grader.isEqual(sum, ` ${sum} `), true);
  assertLess(performance.now() - start, 100);
});
