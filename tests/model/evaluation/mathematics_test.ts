import { assertEquals, assertLess } from "@std/assert";
import { equalAnswers } from "../../../model/evaluation/mathematics.ts";
import { digitsBound } from "../../../model/evaluation/size_bound.ts";

/** What graders of mathematics hold to be the same answer. */
const equal: [string, string][] = [
  ["\\frac{1}{2}", "1/2"],
  ["\\frac12", "0.5"],
  ["\\dfrac{3}{4}", ".75"],
  ["-\\tfrac{1}{2}", "\\frac{-1}{2}"],
  ["10^3", "1,000"],
  ["1{,}000{,}000", "10^6"],
  ["12\\,345", "12345"],
  ["033", "33"],
  ["42.0", "42"],
  ["$42$", "\\(42\\)"],
  ["42.", "42"],
  ["\\$18", "18"],
  ["50\\%", "50"],
  ["90^\\circ", "90"],
  ["90^{\\circ}", "90°"],
  ["5\\text{ cm}", "5"],
  ["25\\mbox{ cm}^2", "25"],
  ["3\\sqrt{2}\\text{ cm}", "3\\sqrt2"],
  ["42 apples", "42"],
  ["x = 7", "7"],
  ["f(x)=x^2", "x^2"],
  ["x\\in[0,1]", "[0,1]"],
  ["\\sqrt{8}", "2\\sqrt2"],
  ["sqrt(8)", "2√2"],
  ["\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"],
  ["2\\pi", "2π"],
  ["2pi", "\\pi\\cdot2"],
  ["\\log_2 8", "3"],
  ["5!", "120"],
  ["\\binom{5}{2}", "10"],
  ["2^{100}", "1267650600228229401496703205376"],
  ["3\\frac12", "3.5"],
  ["3 1/2", "\\frac72"],
  ["e^{i\\pi}", "-1"],
  ["3+4i", "4i+3"],
  ["(x+1)^2", "x^2+2x+1"],
  ["x(x-1)", "x^2-x"],
  ["\\frac{x^2-1}{x-1}", "x+1"],
  ["\\sin^2 x+\\cos^2 x", "1"],
  ["\\sqrt{x^2+2x+1}", "|x+1|"],
  ["(1, \\frac12)", "\\left(1,0.5\\right)"],
  ["[0,\\frac{1}{2})", "[0, 0.5)"],
  ["\\{2,1\\}", "\\{1,2\\}"],
  ["1, 2", "2,1"],
  ["1 \\text{ or } 2", "\\{2,1\\}"],
  ["(-\\infty,1)\\cup(2,\\infty)", "(2,\\infty)\\cup(-\\infty,1)"],
  ["\\{(1,2),(3,4)\\}", "(3,4),(1,2)"],
  ["\\{1,2\\}\\cup\\{3,4\\}", "\\{4,3\\}\\cup\\{2,1\\}"],
  [
    "\\begin{pmatrix}\\frac12\\\\3\\end{pmatrix}",
    "\\begin{pmatrix}0.5\\\\3\\end{pmatrix}",
  ],
  ["\\text{Evelyn}", "evelyn"],
  ["\\text{(A)}", "A"],
  ["\\text{east}", "east"],
  ["0.333\\overline{3}", "0.333\\overline{3}"],
];

const unequal: [string, string][] = [
  ["", ""],
  ["1", "2"],
  ["1/3", "0.333"],
  ["7", "7.0001"],
  ["2\\pi", "6.28"],
  ["1000", "1,0"],
  ["x", "y"],
  ["3x", "3y"],
  ["3x", "3"],
  ["x^2", "x^3"],
  ["x+1", "x-1"],
  ["x-x", "1"],
  ["(1,2)", "(2,1)"],
  ["(0,1)", "[0,1]"],
  ["[0,1)", "(0,1]"],
  ["\\{1,2\\}", "\\{1,3\\}"],
  ["\\{1,1,2\\}", "\\{1,2,2\\}"],
  ["1,2", "1"],
  ["(1,2)", "1,2"],
  ["\\infty", "-\\infty"],
  ["(0,1)\\cup(2,3)", "(0,1)\\cup(2,4)"],
  [
    "\\begin{pmatrix}1\\\\2\\end{pmatrix}",
    "\\begin{pmatrix}2\\\\1\\end{pmatrix}",
  ],
  ["Ian", "Ina"],
  ["Evelyn", "3"],
  ["\\text{(A)}", "B"],
  ["\\foo{3}", "3"],
  ["((((", "3"],
  ["\\frac{1}{0}", "\\frac{2}{0}+x"],
];

Deno.test("equalAnswers() holds answers equal that are written differently", () => {
  for (const [a, b] of equal) {
    assertEquals([a, b, equalAnswers(a, b)], [a, b, true]);
    assertEquals([b, a, equalAnswers(b, a)], [b, a, true]);
  }
});

Deno.test("equalAnswers() tells answers apart", () => {
  for (const [a, b] of unequal) {
    assertEquals([a, b, equalAnswers(a, b)], [a, b, false]);
    assertEquals([b, a, equalAnswers(b, a)], [b, a, false]);
  }
});

Deno.test("equalAnswers() computes nothing that is too large", () => {
  const hostile = [
    "9^{9^{9^9}}",
    "2^{-9^{9^9}}",
    "3^{999\\cdot999\\cdot999}",
    "100000!",
    "((9!)!)!",
    "(10^9)!!",
    "\\sum_{n=1}^{10^9} n^n",
    "\\prod_{k=1}^{10^8} k",
    "(x+1)^{100000}",
    "\\exp(\\exp(99))",
    "\\binom{10^9}{10^8}",
    "2^{".repeat(50) + "1" + "}".repeat(50),
  ];
  for (const text of hostile) {
    const start = performance.now();
    assertEquals([text, equalAnswers(text, "3")], [text, false]);
    assertLess(performance.now() - start, 1000, text);
  }
});

Deno.test("digitsBound() is no less than the digits there are", () => {
  const digits = (n: bigint) => `${n}`.length - 1;
  const power = digitsBound(["Power", ["Add", 3, 4], 100]);
  assertEquals(power >= digits(7n ** 100n) && power < 200, true, `${power}`);
  assertEquals(digitsBound(["Factorial", 100]) >= 157, true);
  assertEquals(digitsBound(["Sum", "n"]), Infinity);
});
