import { assertEquals, assertLess } from "@std/assert";
import { finalAnswer } from "../../../model/evaluation/final_answer.ts";

Deno.test("finalAnswer() takes what is boxed last, braces and all", () => {
  const cases: [string, string | undefined][] = [
    ["so \\boxed{42}.", "42"],
    ["\\boxed{1} no, \\boxed{2}", "2"],
    ["\\boxed{\\frac{1}{2}} done", "\\frac{1}{2}"],
    [
      "\\boxed{\\left\\{x : \\frac{1}{x} > 2\\right.}",
      "\\left\\{x : \\frac{1}{x} > 2\\right.",
    ],
    ["\\boxed{\\{1,2\\}}", "\\{1,2\\}"],
    ["\\boxed {7}", "7"],
    ["\\boxed 7 it is", "7"],
    ["$\\boxed 7$", "7"],
    ["\\fbox{7}", "7"],
    ["\\boxed{3} and \\boxed{\\frac{1}{2", "3"],
    ["\\boxed{\\boxed{5}}", "5"],
    ["\\boxed{}", undefined],
    ["\\boxed", undefined],
    ["the answer is 42", undefined],
    ["", undefined],
  ];
  for (const [text, answer] of cases) {
    assertEquals([text, finalAnswer(text)], [text, answer]);
  }
});

Deno.test("finalAnswer() takes what follows the last ####", () => {
  assertEquals(finalAnswer("6 * 7 = 42\n#### 42"), "42");
  assertEquals(finalAnswer("#### 1\n#### 1,234\nend"), "1,234");
  assertEquals(finalAnswer("####"), undefined);
  assertEquals(finalAnswer("\\boxed{3}\n#### 4"), "3");
});

Deno.test("finalAnswer() is quick on what a model repeats", () => {
  const start = performance.now();
  for (const piece of ["\\boxed{", "\\boxed{1}", "\\boxed ", "####"]) {
    finalAnswer(piece.repeat(50_000));
  }
  assertLess(performance.now() - start, 2000);
});
