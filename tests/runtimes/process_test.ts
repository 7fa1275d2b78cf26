import { assertEquals } from "@std/assert";
import { tinyGguf } from "../model/fixtures.ts";
import { type Bundle, bundle } from "./bundle.ts";
import { installed } from "./installed.ts";
import { assertSameAsDeno } from "./same.ts";
import type { Outcome } from "./scenario.ts";

const node = "/usr/bin/node";
const bun = pathOf("../../node_modules/@oven/bun-linux-x64/bin/bun");

function pathOf(relative: string): string {
  return new URL(relative, import.meta.url).pathname;
}

/** Runs the scenario in a process, which reads the model from a file. */
async function runIn(
  runtime: string,
  { folder, scenario, task }: Bundle,
): Promise<Outcome> {
  const path = `${folder}/tiny.gguf`;
  await Deno.writeFile(path, Uint8Array.fromBase64(task.model));
  const input = `${folder}/task.json`;
  await Deno.writeTextFile(input, JSON.stringify({ ...task, path }));
  const args = [pathOf("process.mjs"), scenario, input];
  return JSON.parse(await outputOf(runtime, args));
}

async function outputOf(runtime: string, args: string[]): Promise<string> {
  const command = new Deno.Command(runtime, { args });
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  assertEquals(code, 0, decoder.decode(stderr));
  return decoder.decode(stdout);
}

const hasNode = installed(node);
Deno.test({
  name: `Node runs the WASM path: same tokens as Deno${hasNode.why}`,
  ignore: hasNode.ignore,
  async fn() {
    await using bundled = await bundle();
    const outcome = await runIn(node, bundled);
    const version = await outputOf(node, ["-p", "process.versions.node"]);
    const build = parseInt(version) < 21 ? "simd" : "relaxed-simd";
    await assertSameAsDeno(outcome, bundled.task, build);
  },
});

const hasBun = installed(bun);
Deno.test({
  name: `Bun runs the WASM path: same tokens as Deno${hasBun.why}`,
  ignore: hasBun.ignore,
  async fn() {
    await using bundled = await bundle();
    const outcome = await runIn(bun, bundled);
    await assertSameAsDeno(outcome, bundled.task, "relaxed-simd");
  },
});
