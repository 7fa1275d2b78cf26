import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { policies } from "../cache/policies/mod.ts";
import { passRatePlot } from "../cli/eval_plot.ts";
import type { PassRateRow } from "../cli/eval_variants.ts";
import { problemSetOf } from "../cli/problem_set.ts";
import { MathGrader } from "../model/evaluation/math_grader.ts";
import { lemmaChain } from "../train/tasks/lemma_chain.ts";
import { command, gkv, withModel, withTaskModel } from "./command.ts";

/** A JSONL file, for as long as a test lasts. */
async function withProblems(
  rows: readonly unknown[],
  test: (file: string) => Promise<void>,
): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    const lines = rows.map((row) =>
      typeof row === "string" ? row : JSON.stringify(row)
    );
    await Deno.writeTextFile(file, lines.join("\n"));
    await test(file);
  } finally {
    await Deno.remove(file);
  }
}

Deno.test("gkv eval --task prints a line for each method and budget", () =>
  withTaskModel(async (folder) => {
    const args = ["eval", folder, "--task", "lemma-chain", "--n", "2"];
    const lists = ["--policy", "gkv,full", "--budget", "48t,64t"];
    const { code, out, err } = await gkv([...args, ...lists]);
    assertEquals([code, err], [0, ""]);
    const [head, ...lines] = out.trimEnd().split("\n");
    for (const name of ["pass@1 %", "95 % interval", "steps %", "peak KiB"]) {
      assertStringIncludes(head!, name);
    }
    assertEquals(
      lines.map((line) => line.trim().split(/ {2,}/).slice(0, 6).join(" ")),
      [
        "gkv f32 48 2 0 0.0 to 65.8",
        "gkv f32 64 2 0 0.0 to 65.8",
        "full f32 497 2 0 0.0 to 65.8",
      ],
    );
  }));

Deno.test("gkv eval --task gives the same --json for a seed, and a plot", () =>
  withTaskModel(async (folder) => {
    const svg = await Deno.makeTempFile({ suffix: ".svg" });
    const args = ["eval", folder, "--task", "lemma-chain", "--n", "1"];
    args.push("--samples", "2", "--temperature", "1", "--max-tokens", "120");
    args.push("--seed", "7", "--budget", "64t", "--json");
    const { code, out, err } = await gkv([...args, "--svg", svg]);
    assertEquals([code, err], [0, ""]);
    const { seconds, ...found } = JSON.parse(out);
    assertEquals(typeof seconds, "number");
    assertEquals([found.task, found.seed, found.samples], [
      "lemma-chain",
      7,
      2,
    ]);
    const rows: PassRateRow[] = found.results;
    assertEquals(rows.map(({ policy }) => policy), Object.keys(policies));
    for (const row of rows) {
      assertEquals([row.problems, row.solutions], [1, 2]);
      assertEquals(row.evictions > 0, row.policy !== "full", row.policy);
    }
    const { seconds: _, ...again } = JSON.parse((await gkv(args)).out);
    assertEquals(again, found);
    assertStringIncludes(await Deno.readTextFile(svg), ">gkv</text>");
    await Deno.remove(svg);
  }));

Deno.test("gkv eval --task takes a JSONL file through the chat template", () =>
  withModel((path) =>
    withProblems([
      { problem: "What is 1+1?", answer: 2 },
      { question: "What is 2+2?", answer: "It is\n#### 4" },
    ], async (file) => {
      const args = ["eval", path, "--task", file, "--max-tokens", "40"];
      const lists = ["--policy", "streaming", "--budget", "64t", "--json"];
      const { code, out, err } = await gkv([...args, ...lists]);
      assertEquals([code, err], [0, ""]);
      const [row] = JSON.parse(out).results;
      assertEquals([row.problems, row.passAt1, row.cutOff], [2, 0, 1]);
      assertEquals("rightSteps" in row, false);
    })
  ));

Deno.test("gkv eval --task says what is wrong before any work", () =>
  withModel((path) =>
    withProblems([{ prompt: "1+1?", answer: 2 }, "{"], async (file) => {
      const task = ["eval", path, "--task", "lemma-chain"];
      const cases: [string[], number, string][] = [
        [["eval", "--task", "lemma-chain"], 2, "a MODEL is needed"],
        [["eval", path, "--task", "sudoku"], 2, "Cannot evaluate task sudoku"],
        [["eval", path, "--task", file], 1, `${file}, line 2: `],
        [[...task, "--n", "0"], 2, "Cannot evaluate 0 problems"],
        [[...task, "--policy", "lru"], 2, "Cannot use policy lru"],
        [[...task, "--samples", "4"], 2, "a --temperature is needed"],
        [[...task, "--text", "x"], 2, "--text"],
        [[...task, "--budget", "8t", "--n", "1"], 1, "too small"],
      ];
      for (const [line, expected, message] of cases) {
        const { code, out, err } = await gkv(line);
        assertEquals([code, out], [expected, ""], err);
        assertStringIncludes(err.split("\n")[0]!, message);
      }
    })
  ));

Deno.test("gkv eval --task ends at Ctrl-C with what there is", () =>
  withTaskModel(async (folder) => {
    const args = ["eval", folder, "--task", "lemma-chain", "--n", "2000"];
    let output: Deno.CommandOutput;
    let wait = 1000;
    do {
      const child = command([...args, "--policy", "gkv", "--json"]).spawn();
      await child.stdin.close();
      await new Promise((resolve) => setTimeout(resolve, wait *= 2));
      child.kill("SIGINT");
      output = await child.output();
      // Before it is at work there is nothing to be interrupted.
    } while (output.code === 130 && wait < 60_000);
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    assertEquals(output.code, 0, text(output.stderr));
    assertStringIncludes(text(output.stderr), "interrupted: 0 of 6 caches");
    const { results } = JSON.parse(text(output.stdout));
    assert(results.every(({ problems }: PassRateRow) => problems < 2000));
  }));

Deno.test("problemSetOf() judges a task's solutions exactly", async () => {
  using grader = new MathGrader();
  const { problems, maxTokens } = await problemSetOf(
    "lemma-chain",
    3,
    5,
    grader,
  );
  const { prompt, solution } = lemmaChain.problem(5, 2);
  assertEquals(problems.map(({ raw }) => raw), [true, true, true]);
  assertEquals([problems[2]!.prompt, maxTokens], [prompt, solution.length]);
  const judge = (text: string) => problems[2]!.judge(text);
  const whole = await judge(solution);
  assertEquals([whole.correct, whole.rightSteps, whole.steps], [
    true,
    112,
    112,
  ]);
  const { correct, rightSteps } = await judge(solution.slice(0, 200));
  assertEquals([correct, rightSteps! > 12], [false, true]);
});

Deno.test("problemSetOf() judges a file's solutions as mathematics", () =>
  withProblems([
    { problem: "?", answer: "\\frac{1}{2}" },
    { problem: "?", answer: "2" },
  ], async (file) => {
    using grader = new MathGrader();
    const { problems } = await problemSetOf(file, undefined, 0, grader);
    const verdicts = [
      await problems[0]!.judge("so \\boxed{0.5}"),
      await problems[0]!.judge("so 0.5"),
      await problems[1]!.judge("so \\boxed{0.5}"),
    ];
    assertEquals(verdicts.map(({ correct }) => correct), [true, false, false]);
    const one = await problemSetOf(file, 1, 0, grader);
    assertEquals(one.problems.length, 1);
  }));

Deno.test("passRatePlot() draws lines with their intervals", () => {
  const row = (policy: string, budgetTokens: number, passAt1: number) => ({
    policy,
    budgetTokens,
    passAt1,
    type: "f32" as const,
    interval: [passAt1 / 2, (1 + passAt1) / 2] as [number, number],
    evictions: policy === "full" ? 0 : 9,
    problems: 4,
    solutions: 4,
    meanTokens: 5,
    cutOff: 0,
    peakBytes: 1,
  });
  const svg = passRatePlot([
    row("full", 500, 1),
    row("gkv", 64, 0.1),
    row("gkv", 128, 0.8),
  ]);
  assertEquals(
    svg.match(/aria-label="line".*?<\/g>/)![0].match(/<path/g)!.length,
    1,
  );
  const rules = svg.match(/aria-label="rule".*?<\/g>/g)!;
  assertEquals(rules.map((rule) => rule.match(/<line/g)!.length), [1, 2]);
  assertStringIncludes(svg, "pass@1 (%)");
});
