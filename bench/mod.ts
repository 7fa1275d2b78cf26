/**
 * Runs benches: all, or the named ones. Each is a process of its own, so that
 * none inherits compiled code or memory from another.
 *
 * ```sh
 * deno task bench [NAME…] [--json]
 * ```
 *
 * Those with a real model need a GGUF file in `GKV_TEST_MODEL`; `webgpu` makes
 * do with a tiny one.
 *
 * @module
 */
import { parseArgs } from "node:util";

/** The question that each answers. */
const benches: Readonly<Record<string, string>> = {
  attention: "decode attention by cache type beside onnxruntime-web and C",
  batch: "tokens per second of several sequences decoded together",
  decode: "tokens per second of a real model beside native llama.cpp",
  endless: "6,000 tokens in a budget of 512: memory and speed stay flat",
  eviction: "what an eviction costs, by method",
  positions: "perplexity of a text beyond the trained context",
  webgpu: "dispatches, submits, read-backs and bytes of a token on the GPU",
};

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});
const unknown = positionals.filter((name) => !Object.hasOwn(benches, name));
if (values.help || unknown.length) {
  console.error(usage());
  Deno.exit(unknown.length ? 2 : 0);
}
const names = positionals.length ? positionals : Object.keys(benches);
for (const name of names) {
  if (!await run(name)) Deno.exitCode = 1;
}

function usage(): string {
  const lines = Object.entries(benches).map(([name, question]) =>
    `  ${name.padEnd(10)} ${question}`
  );
  return ["deno task bench [NAME…] [--json]", "", ...lines].join("\n");
}

async function run(name: string): Promise<boolean> {
  const script = new URL(`./${name}.ts`, import.meta.url).href;
  const flags = values.json ? ["--json"] : [];
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", script, ...flags],
  });
  const { success } = await command.spawn().status;
  return success;
}
