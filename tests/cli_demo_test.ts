import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { SideBySide } from "../cli/side_by_side.ts";
import { lemmaChain } from "../train/tasks/lemma_chain.ts";
import { gkv, withTaskModel } from "./command.ts";

/** What is written of two texts that come piece by piece, in turns. */
function written(
  pieces: readonly [string, string][],
  expected: string,
  ends: readonly number[],
  isTerminal = false,
): string {
  let out = "";
  const columns = new SideBySide(
    (text) => out += text,
    expected,
    ends,
    isTerminal,
  );
  for (const [left, right] of pieces) {
    columns.push(0, left);
    columns.push(1, right);
  }
  columns.close();
  return out;
}

Deno.test("SideBySide writes lines when both texts have them", () => {
  assertEquals(
    written([["ab", "a"], ["cdef", "bc"], ["", "xyz"]], "abcdef", [2, 6]),
    "  ab      ab\n  cdef  ! cxyz\n",
  );
});

Deno.test("SideBySide shows what one text alone has at the end", () => {
  const lines = written([["abcdef", "ab"]], "abcdef", [2, 4, 6]).split("\n");
  assertEquals(lines, ["  ab    ab", "  cd", "  ef", ""]);
});

Deno.test("SideBySide writes over its line on a terminal, wrong letters in red", () => {
  const out = written([["a", "x"], ["b", "b"]], "ab", [2], true);
  const last = out.split("\r\x1b[K").at(-1)!;
  assertEquals(last, "  ab  ! \x1b[31mx\x1b[0mb\n");
  assertEquals(out.split("\n").length, 2);
});

Deno.test("gkv demo shows both chains, answers, memory and speed", () =>
  withTaskModel(async (folder) => {
    const { code, out, err } = await gkv(["demo", folder, "--seed", "3"]);
    assertEquals([code, err], [0, ""]);
    const { prompt, answer } = lemmaChain.problem(3, 0);
    assertStringIncludes(out, `Problem 3 of lemma-chain: ${prompt}\n`);
    assertStringIncludes(out, `The right answer is ${answer};`);
    const [, chains, figures] = out.trimEnd().split("\n\n");
    const [titles, ...lines] = chains!.split("\n");
    assert(/^gkv:mix=0.1, 96 tokens kept +full cache$/.test(titles!), out);
    // It is not trained and may end anywhere.
    assert(lines.length > 1 && lines.length <= 12 + 10 + 1, out);
    assert(lines.every((line) => line.includes("!")), out);
    const [head, small, whole] = figures!.split("\n");
    assert(
      /answer +right steps +memory +evictions +tokens\/s/.test(head!),
      out,
    );
    assert(
      /^gkv:mix=0.1, 96 tokens kept .* KiB +[1-9]\d* +\d+$/.test(small!),
      out,
    );
    assert(/^full cache .* KiB +0 +\d+$/.test(whole!), out);
  }));

Deno.test("gkv demo says what is wrong in one line", async () => {
  const cases: [string[], number, string][] = [
    [["demo", "embedded:none"], 2, "Cannot open model none"],
    [["demo", "--policy", "lru"], 2, "Cannot use policy lru"],
    [["demo", "/nowhere"], 1, "/nowhere"],
  ];
  for (const [line, expected, message] of cases) {
    const { code, out, err } = await gkv(line);
    assertEquals([code, out], [expected, ""], err);
    assertStringIncludes(err.split("\n")[0]!, message);
  }
});
