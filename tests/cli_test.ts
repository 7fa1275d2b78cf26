import {
  assert,
  assertEquals,
  assertLess,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { methods } from "../cache/policies/mod.ts";
import { policyNamed } from "../cli/arguments.ts";
import { parseBudget } from "../cli/budget.ts";
import { quantile } from "../cli/figures.ts";
import { UsageError } from "../cli/usage_error.ts";
import { command, gkv, withModel } from "./command.ts";

const real = Deno.env.get("GKV_TEST_MODEL");
const why = real ? "" : " (skipped: GKV_TEST_MODEL is not set)";

Deno.test("gkv run streams text to stdout and figures to stderr", () =>
  withModel(async (path) => {
    const args = ["run", path, "Hello", "--max-tokens", "200"];
    const { code, out, err } = await gkv([...args, "--budget", "32t"]);
    assertEquals([code, out.length > 5], [0, true]);
    for (
      const figure of [
        /tokens +[\d,]+ seen, [\d,]+ cached \(budget 32\), \d+ evictions by gkv/,
        /cache +[\d.]+ KiB of [\d.]+ KiB/,
        /prompt +\d+ tokens, [\d.]+ per second/,
        /decode +\d+ tokens, [\d.]+ per second, median [\d.]+ ms, 99th percentile/,
        /end +(maxTokens|endToken), seed \d+, wasm/,
      ]
    ) assert(figure.test(err), `${figure} in ${err}`);
  }));

Deno.test("gkv run --json prints one object, the same for a seed", () =>
  withModel(async (path) => {
    const args = ["run", path, "--json", "--raw", "--max-tokens", "30"];
    args.push("--temperature", "1", "--seed", "7", "--top-p", "0.9");
    args.push("--budget", "25%", "--policy", "snapkv", "--protect-prompt");
    const first = JSON.parse((await gkv(args, "from standard input\n")).out);
    const again = JSON.parse((await gkv(args, "from standard input")).out);
    assertEquals([again.text, again.tokens], [first.text, first.tokens]);
    assertEquals([first.seed, first.policy], [7, "snapkv"]);
    assertEquals(first.budgetTokens, 128);
    assert(first.cacheBytes <= first.budgetBytes);
    assertEquals(first.generatedTokens, first.tokens.length);
    for (const figure of ["decodeTokensPerSecond", "tokenP99Ms", "evictions"]) {
      assertEquals(typeof first[figure], "number", figure);
    }
  }));

Deno.test({
  name: `gkv run ends at Ctrl-C with the figures${why}`,
  ignore: real === undefined,
  async fn() {
    const args = ["run", real!, "Write a very long story.", "--max-tokens"];
    const child = command([...args, "100000"]).spawn();
    await child.stdin.close();
    const reader = child.stdout.getReader();
    await reader.read();
    child.kill("SIGINT");
    while (!(await reader.read()).done);
    const err = await new Response(child.stderr).text();
    assertEquals((await child.status).code, 0);
    assertStringIncludes(err, "end      aborted");
    assertStringIncludes(err, "decode");
  },
});

Deno.test("gkv run says what is wrong in one line", () =>
  withModel(async (path) => {
    const cases: [string[], number, string][] = [
      [[path, "x", "--budget", "8t"], 1, "at least 17 tokens is needed"],
      [[path, "x", "--budget", "1KiB"], 1, "is needed"],
      [[path, "x", "--budget", "8 apples"], 2, "Cannot read budget 8 apples"],
      [[path, "x", "--policy", "lru"], 2, "gkv, rkv, snapkv"],
      [[path, "x", "--temperature", "hot"], 2, "--temperature hot"],
      [[path, "x", "--top-p", "2"], 1, "topP 2"],
      [[path, "x", "--nonsense"], 2, "nonsense"],
      [[path], 2, "PROMPT"],
      [[], 2, "MODEL"],
      [["/nowhere.gguf", "x"], 1, "/nowhere.gguf"],
      [["hf:nobody", "x"], 1, "hf:"],
    ];
    for (const [args, expected, message] of cases) {
      const { code, out, err } = await gkv(["run", ...args]);
      assertEquals([code, out], [expected, ""], err);
      assertStringIncludes(err.split("\n")[0], message);
    }
  }));

Deno.test("gkv run refuses a file cut short, and names it", () =>
  withModel(
    async (path) => {
      const { code, err } = await gkv(["run", path, "x"]);
      assertEquals(code, 1);
      assertStringIncludes(err, path);
      assertEquals(err.trim().split("\n").length, 1);
    },
    (file) => file.subarray(0, file.length - 1000),
  ));

Deno.test("gkv run warns of a prompt beyond the context and goes on", () =>
  withModel(async (path) => {
    const args = ["run", path, "--raw", "--max-tokens", "3", "--budget", "64t"];
    const { code, err } = await gkv(args, "word ".repeat(400));
    assertEquals(code, 0);
    assertStringIncludes(err, "warning: The text has");
    assertStringIncludes(err, "(budget 64)");
  }));

Deno.test("gkv methods lists all with papers, as a table and as JSON", async () => {
  const { code, out } = await gkv(["methods"]);
  const lines = out.trim().split("\n").slice(1);
  assertEquals([code, lines.length], [0, Object.keys(methods).length]);
  const json = JSON.parse((await gkv(["methods", "--json"])).out);
  for (const [i, [name, { policy, keeps, paper }]] of entries(methods)) {
    assert(lines[i].startsWith(name) && lines[i].includes(paper ?? ""));
    const facts = { name, keeps, ...(paper && { paper }) };
    assertEquals(json[i], { ...facts, policy: policy() });
  }
  assertEquals((await gkv(["methods", "--nonsense"])).code, 2);
});

const entries = <T>(record: Record<string, T>) =>
  Object.entries(record).entries();

Deno.test("gkv run takes types, redundancy and reposition", () =>
  withModel(async (path) => {
    const args = ["run", path, "x", "--json", "--budget", "32t"];
    args.push("--max-tokens", "20");
    const bytes = async (...more: string[]) =>
      JSON.parse((await gkv([...args, ...more])).out).budgetBytes as number;
    const exact = ["--type", "f32"];
    const most = await bytes(
      ...exact,
      "--redundancy",
      "keydiff",
      "--reposition",
    );
    assertLess(await bytes("--type", "f16"), most);
    assertEquals(await bytes(), await bytes("--type", "int8"));
    for (
      const [option, message] of [
        ["--type", "one of f32, f16, int8"],
        ["--redundancy", "one of cosine, keydiff"],
      ]
    ) {
      const { code, err } = await gkv([...args, option, "none"]);
      assertEquals(code, 2);
      assertStringIncludes(err.split("\n")[0], message);
    }
  }));

Deno.test("gkv --help and an unknown command show the commands", async () => {
  const help = await gkv(["--help"]);
  assertEquals(help.code, 0);
  assertStringIncludes(help.out, "--budget 8MiB|512t|25%");
  const wrong = await gkv(["fly"]);
  assertEquals(wrong.code, 2);
  assertStringIncludes(wrong.err, "no such command");
});

Deno.test("policyNamed() reads numbers that differ from the default", () => {
  const { name, redundancy, history, window } = policyNamed(
    "gkv:mix=0.5:window=8:decay=1e-1",
    { window: 4 },
  );
  assertEquals(name, "gkv:mix=0.5:window=8:decay=1e-1");
  assertEquals([redundancy!.mix, window, history!.decay], [0.5, 8, 0.1]);
  for (
    const [text, part] of [
      ["gkv:mox=1", "one of window, interval, decay, mix"],
      ["gkv:mix", "PARAMETER=NUMBER is needed"],
      ["gkv:mix=half", "PARAMETER=NUMBER is needed"],
      ["gkv:toString=1", "PARAMETER=NUMBER is needed"],
      ["full:mix=1", "one of window, interval"],
      ["lru:mix=1", "Cannot use policy lru"],
    ]
  ) assertThrows(() => policyNamed(text!), UsageError, part);
});

Deno.test("parseBudget() reads bytes, tokens and shares", () => {
  assertEquals(parseBudget("8MiB"), { bytes: 8 * 2 ** 20 });
  assertEquals(parseBudget("1.5GB"), { bytes: 1.5e9 });
  assertEquals(parseBudget("512t"), { tokens: 512 });
  assertEquals(parseBudget("25%"), { ratio: 0.25 });
  for (const text of ["", "8", "MiB", "-1t", "1e3t", "8Mb", "toString"]) {
    let error: unknown;
    try {
      parseBudget(text);
    } catch (caught) {
      error = caught;
    }
    assert(error instanceof UsageError, text);
  }
});

Deno.test("quantile() takes the value that a share lies at or below", () => {
  const values = Array.from({ length: 100 }, (_, i) => 100 - i);
  assertEquals([quantile(values, 0.5), quantile(values, 0.99)], [50, 99]);
  assertEquals([quantile([7], 0.99), quantile([], 0.5)], [7, 0]);
});
