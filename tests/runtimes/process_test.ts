import { assertEquals } from "@std/assert";
import { bundle } from "./bundle.ts";
import { installed } from "./installed.ts";
import { assertSameAsDeno } from "./same.ts";

const node = "/usr/bin/node";
const bun = pathOf("../../node_modules/@oven/bun-linux-x64/bin/bun");

function pathOf(relative: string): string {
  return new URL(relative, import.meta.url).pathname;
}

async function outputOf(runtime: string, ...args: string[]): Promise<string> {
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
    const out = await outputOf(node, pathOf("process.mjs"), bundled.folder);
    const version = await outputOf(node, "-p", "process.versions.node");
    const build = parseInt(version) < 21 ? "simd" : undefined;
    await assertSameAsDeno(JSON.parse(out), bundled.task, build);
  },
});

const hasBun = installed(bun);
Deno.test({
  name: `Bun runs the WASM path: same tokens as Deno${hasBun.why}`,
  ignore: hasBun.ignore,
  async fn() {
    await using bundled = await bundle();
    const out = await outputOf(bun, pathOf("process.mjs"), bundled.folder);
    await assertSameAsDeno(JSON.parse(out), bundled.task);
  },
});

Deno.test({
  name:
    `Vercel's edge VM runs a compiled module: same tokens as Deno${hasNode.why}`,
  ignore: hasNode.ignore,
  async fn() {
    await using bundled = await bundle();
    const wasm = pathOf("../../wasm/simd.wasm");
    const script = pathOf("edge.mjs");
    const out = await outputOf(node, script, bundled.folder, wasm);
    await assertSameAsDeno(JSON.parse(out), bundled.task, "simd", "given");
  },
});
