/**
 * Do memory and speed stay what they are, however long the text?
 *
 * 6,000 tokens with `gkv()` and a budget of 512 tokens, temperature 1, end
 * tokens ignored. Exits with 1 unless the cache stays within its budget at
 * every step, memory is flat after the first 1,000 tokens, and the last 1,000
 * are no slower than tokens 1,000 to 2,000 (15 % for noise).
 *
 * ```sh
 * deno task bench endless
 * deno run -A bench/endless.ts MODEL.gguf --json
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bar, ProgressLine } from "../cli/progress.ts";
import { quantile } from "../cli/figures.ts";
import { gkv, loadModel, openBackend } from "../mod.ts";
import { english } from "../tests/model/english.ts";
import { endlessSession } from "../cli/endless_session.ts";
import { modelPath } from "./decoding.ts";
import { anyBroken, claim, figure, mib, report, type Row } from "./report.ts";

const TOKENS = 6000;
const SETTLED = 1000;
const SLOWDOWN = 1.15;
/** What the garbage collector leaves lying about at one moment or another. */
const GARBAGE = 32 * 2 ** 20;

const { values: { json = false }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
using backend = await openBackend({ backend: "wasm" });
using model = await loadModel(modelPath(positionals[0]), { backend });
using session = endlessSession(model, {
  budget: { tokens: 512 },
  policy: gkv(),
});
const progress = new ProgressLine();
const seconds: number[] = [];
const memory: { process: number; reserved: number }[] = [];
let mostBytes = 0;
await generate();
progress.clear();
const rows = claims();
report(`${TOKENS} tokens of ${model.name}`, rows, json);
if (anyBroken(rows)) Deno.exitCode = 1;

async function generate(): Promise<void> {
  const options = { maxTokens: TOKENS, temperature: 1, seed: 1 };
  const prompt = model.tokenizer!.encode(english).slice(0, 64);
  let start = performance.now();
  for await (const _ of session.generateTokens(prompt, options)) {
    seconds.push((performance.now() - start) / 1000);
    record();
    progress.show(bar(seconds.length, TOKENS, "tokens"));
    start = performance.now();
  }
}

/** Notes memory; a cache over its budget ends everything. */
function record(): void {
  const { bytes, budgetBytes } = session.cache.stats();
  if (bytes > budgetBytes) {
    throw new Error(
      `Cannot go on after ${seconds.length} tokens: the cache has ${bytes} ` +
        `bytes, at most ${budgetBytes} are allowed`,
    );
  }
  mostBytes = Math.max(mostBytes, bytes);
  const { reserved } = backend.memory();
  memory.push({ process: Deno.memoryUsage().rss, reserved });
}

function claims(): Row[] {
  const { budgetBytes, evictions } = session.cache.stats();
  const [settled, end] = [memory[SETTLED - 1], memory[TOKENS - 1]];
  const early = quantile(seconds.slice(SETTLED, 2 * SETTLED), 0.5);
  const late = quantile(seconds.slice(-SETTLED), 0.5);
  const total = seconds.slice(1).reduce((sum, value) => sum + value, 0);
  return [
    figure("tokens per second", (TOKENS - 1) / total),
    figure("evictions", evictions),
    claim("most bytes of the cache, at every step", mostBytes, budgetBytes),
    figure(`MiB of WebAssembly memory after ${SETTLED}`, mib(settled.reserved)),
    claim("  at the end", mib(end.reserved), mib(settled.reserved)),
    figure(`MiB of the process after ${SETTLED}`, mib(settled.process)),
    claim("  at the end", mib(end.process), mib(settled.process + GARBAGE)),
    figure(`median ms of tokens ${SETTLED} to ${2 * SETTLED}`, early * 1000),
    figure(`median ms of the last ${SETTLED}`, late * 1000),
    claim("  ratio", late / early, SLOWDOWN),
  ];
}
