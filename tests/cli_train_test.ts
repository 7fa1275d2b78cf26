import { assert, assertEquals, assertThrows } from "@std/assert";
import { readTraining } from "../cli/train_options.ts";
import { UsageError } from "../cli/usage_error.ts";
import { command, gkv } from "./command.ts";

/** A folder that does not exist yet, for as long as a test lasts. */
async function withOut(test: (out: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/run`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function assertMatch(text: string, expected: RegExp): void {
  assert(expected.test(text), `${expected} in ${text}`);
}

/** One step on one short text, without workers. */
const shortest = ["--tokens", "1", "--batch", "1", "--workers", "0"];

Deno.test("readTraining() refuses what it cannot understand", () => {
  const cases: [string[], string][] = [
    [[], 'Cannot train ""'],
    [["sing", "out"], 'Cannot train "sing"'],
    [["pretrain"], "a folder OUT is needed"],
    [["pretrain", "out", "--tokens", "many"], "--tokens many"],
    [["pretrain", "out", "--rows", "3"], "--rows"],
    [["distill", "out"], "--from RUN is needed"],
    [["distill", "out", "--from", "a", "--policy", "no"], "policy no"],
    [["grpo", "out", "--from", "a", "--budgets", "96,x"], "--budgets x"],
    [["grpo", "out", "--from", "a", "--reward", "b"], 'Cannot reward "b"'],
  ];
  for (const [args, message] of cases) {
    assertThrows(() => readTraining(args), UsageError, message);
  }
});

Deno.test("readTraining() has defaults for each kind of training", () => {
  const distill = readTraining(["distill", "out", "--from", "base"]);
  assert(distill.kind === "distill");
  const { policy, budgets, tokens, saveEvery, seed } = distill.options;
  assertEquals(policy.name, "gkv:mix=0.1");
  assertEquals([policy.window, policy.interval], [16, 16]);
  assertEquals([budgets, tokens, saveEvery, seed], [
    [64, 96, 96],
    8e5,
    50,
    1,
  ]);
  const args = ["--from", "base", "--budgets", "64, 80", "--clip", "0.9,1.1"];
  const grpo = readTraining(["grpo", "out", ...args]);
  assert(grpo.kind === "grpo");
  assertEquals(grpo.options.budgets, [64, 80]);
  assertEquals(grpo.options.clip, [0.9, 1.1]);
  assertEquals(grpo.options.reward, "steps");
  assertEquals([grpo.options.tokens, grpo.options.saveEvery], [1.2e6, 5]);
});

Deno.test("gkv train pretrain writes a run, says how far it is, and goes on", () =>
  withOut(async (out) => {
    const args = ["train", "pretrain", out, ...shortest];
    const first = await gkv([...args, "--json"]);
    assertEquals([first.code, first.err], [0, ""]);
    const { step, tokens, level } = JSON.parse(first.out);
    assertEquals([step, tokens, level], [1, 96, 0]);
    const names = [...Deno.readDirSync(out)].map(({ name }) => name).sort();
    assertEquals(names, [
      "curves.svg",
      "log.jsonl",
      "model",
      "state.safetensors",
    ]);
    const next = await gkv([...args, "--resume", "--tokens", "97"]);
    assertMatch(
      next.out,
      /run: 0\.00 million tokens, level 0, loss \d\.\d{4}, /,
    );
    const log = await Deno.readTextFile(`${out}/log.jsonl`);
    assertEquals(log.trimEnd().split("\n").length, 2);
  }));

Deno.test("gkv train ends at SIGTERM with its state saved", () =>
  withOut(async (out) => {
    const args = ["--batch", "1", "--workers", "0", "--save-every", "1"];
    const child = command(["train", "pretrain", out, ...args]).spawn();
    await child.stdin.close();
    let ended = false;
    const end = child.status.then(() => ended = true);
    while (!ended && !await exists(`${out}/state.safetensors`)) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    assert(!ended, "it ended by itself");
    child.kill("SIGTERM");
    const [{ code, stderr }] = await Promise.all([child.output(), end]);
    assertEquals(code, 0);
    const said = new TextDecoder().decode(stderr);
    assertMatch(said, /^gkv: interrupted; --resume goes on from here\n$/);
  }));

Deno.test("gkv train explains itself when it is misused", async () => {
  const { code, err } = await gkv(["train", "pretrain"]);
  assertEquals(code, 2);
  assertMatch(err, /^gkv: Cannot train: a folder OUT is needed\n/);
  assertMatch(err, /gkv --help shows/);
});

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch {
    return false;
  }
}
