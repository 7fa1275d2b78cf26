import { assertEquals, assertRejects } from "@std/assert";
import { UsageError } from "../../cli/usage_error.ts";
import { train } from "../../train/cli.ts";

Deno.test("train() refuses what it cannot understand before anything is written", async () => {
  const folder = await Deno.makeTempDir();
  const out = `${folder}/run`;
  const cases: [string[], string][] = [
    [[], 'Cannot train ""'],
    [["sing", out], 'Cannot train "sing"'],
    [["pretrain"], "a folder OUT is needed"],
    [["pretrain", out, "--tokens", "many"], "--tokens many"],
    [["pretrain", out, "--rows", "3"], "--rows"],
    [["distill", out], "--from RUN is needed"],
    [["distill", out, "--from", out, "--policy", "no"], "Cannot use policy no"],
    [["grpo", out, "--from", out, "--budgets", "96,x"], "--budgets x"],
  ];
  for (const [args, message] of cases) {
    await assertRejects(() => train(args), UsageError, message);
  }
  assertEquals([...Deno.readDirSync(folder)], []);
  await Deno.remove(folder);
});
