import { assertEquals, assertThrows } from "@std/assert";
import { readProblems } from "../../../model/evaluation/problem_file.ts";

const asked = "2+2?\n\nPlease reason step by step, and put your final answer " +
  "within \\boxed{}.";

Deno.test("readProblems() reads the fields that data sets have", () => {
  const rows = [
    { prompt: "2+2?", answer: "4" },
    { problem: "2+2?", answer: 4 }, // AIME, AMC
    { question: "2+2?", answer: "2+2=4\n#### 4" }, // GSM8K
    { problem: "2+2?", solution: "It is $\\boxed{4}$." }, // MATH
    { Problem: "2+2?", Answer: "4", Solution: "two and two" },
    { problem: "2+2?", answer: "4", solution: "\\boxed{5}", prompt: " " },
  ];
  const text = rows.map((row) => JSON.stringify(row)).join("\n\n") + "\n";
  const problems = readProblems(text, "file");
  assertEquals(problems.map(({ answer }) => answer), Array(6).fill("4"));
  assertEquals(
    problems.map(({ prompt }) => prompt),
    ["2+2?", ...Array(5).fill(asked)],
  );
});

Deno.test("readProblems() names the first line that is no problem", () => {
  const good = JSON.stringify({ prompt: "2+2?", answer: 4 });
  const cases: [string, string][] = [
    ["{", "JSON object is needed"],
    ["[1]", "it is another value, a JSON object is needed"],
    ["null", "it is another value, a JSON object is needed"],
    ['{"answer": 4}', "it asks nothing, a prompt, problem or question"],
    ['{"prompt": ["2+2?"], "answer": 4}', "it asks nothing"],
    ['{"prompt": "2+2?"}', "it has no answer"],
    ['{"prompt": "2+2?", "answer": ""}', "it has no answer"],
    ['{"problem": "2+2?", "solution": "4"}', "its solution has no answer"],
  ];
  for (const [line, why] of cases) {
    const error = assertThrows(
      () => readProblems(`${good}\n\n${line}\n{`, "f.jsonl"),
      TypeError,
      "Cannot read problems of f.jsonl, line 3: ",
    );
    assertEquals([line, error.message.includes(why)], [line, true]);
  }
  assertThrows(() => readProblems("\n", "f.jsonl"), TypeError, "it is empty");
});
