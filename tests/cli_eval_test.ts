import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fidelityPlot } from "../cli/eval_plot.ts";
import { type FidelityRow, variantsOf } from "../cli/eval_variants.ts";
import { remaining } from "../cli/progress.ts";
import { table } from "../cli/table.ts";
import { policies } from "../cache/policies/mod.ts";
import { gkv, withModel } from "./command.ts";

/** A model and a text of about 400 of its tokens, for as long as a test lasts. */
function withText(
  test: (args: string[]) => Promise<void>,
): Promise<void> {
  return withModel(async (path) => {
    const text = await Deno.makeTempFile({ suffix: ".txt" });
    await Deno.writeTextFile(text, "the other one in the house ".repeat(30));
    try {
      await test(["eval", path, "--text", text]);
    } finally {
      await Deno.remove(text);
    }
  });
}

Deno.test("gkv eval prints a line for each cache, the full one first", () =>
  withText(async (args) => {
    const lists = ["--policy", "full,gkv,streaming", "--budget", "32t,64t"];
    const { code, out, err } = await gkv([...args, ...lists]);
    assertEquals([code, err], [0, ""]);
    const [head, ...lines] = out.trimEnd().split("\n");
    assert(
      /policy +type +budget +cache MiB .*KL nats +agree %/.test(head),
      out,
    );
    assertEquals(
      lines.map((line) => line.trim().split(/ +/).slice(0, 3).join(" ")),
      [
        `full f32 ${lines[0].trim().split(/ +/)[2]}`,
        "gkv f32 32",
        "gkv f32 64",
        "streaming f32 32",
        "streaming f32 64",
      ],
    );
  }));

Deno.test("gkv eval --json and --svg give figures and a plot of them", () =>
  withText(async (args) => {
    const svg = await Deno.makeTempFile({ suffix: ".svg" });
    const more = ["--tokens", "300", "--prompt", "40", "--svg", svg, "--json"];
    const lists = ["--budget", "32t,64t"];
    const { code, out, err } = await gkv([...args, ...more, ...lists]);
    assertEquals([code, err], [0, ""]);
    const found = JSON.parse(out);
    assertEquals([found.tokens, found.prompt], [300, 40]);
    const { divergence, agreement } = found.reference;
    assertEquals([divergence, agreement], [0, 1]);
    const names = Object.keys(policies).filter((name) => name !== "full");
    assertEquals(found.results.length, 2 * names.length);
    for (const row of found.results as FidelityRow[]) {
      assertEquals(row.positions, 259);
      assert(row.evictions > 0 && row.divergence > 0, row.policy);
      assert(row.bytes < found.reference.bytes, row.policy);
    }
    const picture = await Deno.readTextFile(svg);
    for (const name of names) assertStringIncludes(picture, `>${name}</text>`);
    await Deno.remove(svg);
  }));

Deno.test("gkv eval says what is wrong in one line", () =>
  withText(async (args) => {
    const cases: [string[], number, string][] = [
      [["eval"], 2, "MODEL"],
      [args.slice(0, 2), 2, "--text"],
      [[...args.slice(0, 3), "/nowhere.txt"], 1, "/nowhere.txt"],
      [[...args, "--policy", "gkv,lru"], 2, "Cannot use policy lru"],
      [[...args, "--budget", "32t,many"], 2, "Cannot read budget many"],
      [[...args, "--type", "f64"], 2, "Cannot use cache type f64"],
      [[...args, "--budget", "8t"], 1, "at least"],
      [[...args, "--prompt", "4000"], 1, "a prompt of at least 1 token"],
    ];
    for (const [line, expected, message] of cases) {
      const { code, out, err } = await gkv(line);
      assertEquals([code, out], [expected, ""], err);
      assertStringIncludes(err.split("\n")[0], message);
    }
  }));

Deno.test("variantsOf() takes every method but the reference by default", () => {
  const lists = { policy: undefined, budget: "128t,1MiB", type: "f32" };
  const variants = variantsOf(lists, 500);
  const names = variants.map(({ policy }) => policy.name);
  assertEquals(
    [...new Set(names)],
    Object.keys(policies).filter((name) => name !== "full"),
  );
  assertEquals(variants.slice(0, 2).map(({ budget }) => budget), [
    { tokens: 128 },
    { bytes: 2 ** 20 },
  ]);
});

Deno.test("variantsOf() takes the full cache of other types with room for all", () => {
  const lists = { policy: "full,gkv", budget: "128t", type: "f32,int8" };
  const variants = variantsOf(lists, 500);
  assertEquals(
    variants.map(({ policy, budget, dtype }) => [policy.name, budget, dtype]),
    [
      ["gkv", { tokens: 128 }, "f32"],
      ["full", { tokens: 500 }, "int8"],
      ["gkv", { tokens: 128 }, "int8"],
    ],
  );
});

function row(
  policy: string,
  budgetTokens: number,
  divergence: number,
): FidelityRow {
  const found = { positions: 10, agreement: 1, perplexity: 2, bytes: 1 };
  const evictions = divergence ? 3 : 0;
  return { policy, type: "f32", budgetTokens, divergence, evictions, ...found };
}

Deno.test("fidelityPlot() draws a line through the budgets of each method", () => {
  const svg = fidelityPlot([
    row("gkv", 128, 0.2),
    row("gkv", 256, 0.1),
    row("gkv", 1024, 0),
    row("random", 128, 0.5),
    row("random", 256, 0.4),
  ]);
  assert(svg.startsWith("<svg "), svg.slice(0, 80));
  assertStringIncludes(svg, 'xmlns="http://www.w3.org/2000/svg"');
  const lines = svg.match(/aria-label="line".*?<\/g>/)![0];
  assertEquals(lines.match(/<path/g)!.length, 2);
  assertEquals(svg.includes("1024"), false);
});

Deno.test("fidelityPlot() is a picture even of nothing", () => {
  const svg = fidelityPlot([row("gkv", 1024, 0)]);
  assert(svg.startsWith("<svg ") && !svg.includes("NaN"), svg);
});

Deno.test("table() aligns columns, and shows small numbers as such", () => {
  const rows = [{ a: "x", b: 12.3456 }, { a: "long", b: 2.4e-7 }];
  assertEquals(table(rows), "a           b\nx        12.3\nlong  2.40e-7");
});

Deno.test("remaining() goes by what a share has taken", () => {
  const ago = (seconds: number) => performance.now() - seconds * 1000;
  assertEquals(remaining(ago(10), 0.5), "10 s left");
  assertEquals(remaining(ago(600), 0.25), "30 min left");
  assertEquals(remaining(ago(600), 0), "");
});
