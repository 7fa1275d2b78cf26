/**
 * What does a decoded token send to the GPU?
 *
 * Counts, as speed differs from GPU to GPU: dispatches, submits, read-backs,
 * and the bytes that kernels read and write (`GpuKernel.words`) beside the
 * least there could be, all weights and the cache once. Then what each kernel
 * takes on this one, where it has `timestamp-query`. A budget of 1,024 tokens,
 * filled by a prompt, then decoding by `gkv()` up to and with an eviction.
 * Exits with 1 when more is sent than should be.
 *
 * ```sh
 * deno task bench webgpu
 * deno run -A bench/webgpu.ts [MODEL.gguf] [--tokens 1024] [--json]
 * ```
 *
 * Without a model here and in `GKV_TEST_MODEL` it is a tiny one of 30 layers.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { endlessSession } from "../cli/endless_session.ts";
import { bar, ProgressLine } from "../cli/progress.ts";
import { GpuBackend } from "../gpu/backend.ts";
import type { KernelTime } from "../gpu/timer.ts";
import { gkv } from "../mod.ts";
import { anyBroken, claim, figure, mib, report, type Row } from "./report.ts";
import { type Batch, batchesOf, total } from "../cli/traffic.ts";
import { loadMeasured } from "./measured_model.ts";

/** Tokens whose ids are read together. */
const AHEAD = 4;
/** Tokens between evictions: whole batches, and the one that evicts. */
const INTERVAL = 4 * AHEAD + 1;
/** The prompt's, an interval's, and the rest of the batch that evicts. */
const TOKENS = 1 + 4 * AHEAD + AHEAD;

const { values: { json, tokens }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    json: { type: "boolean", default: false },
    tokens: { type: "string", default: "1024" },
  },
});
using backend = await openGpu();
using model = await loadMeasured(backend, positionals[0]);
const batches = await decode(Number(tokens));
const times = await backend.kernelTimes();
const rows = claims();
const title = `${model.name}, budget of ${tokens}, ${backend.name}`;
report(`What a token sends to the GPU: ${title}`, rows, json);
report(`What kernels take, per decoded token: ${title}`, timeRows(), json);
if (anyBroken(rows)) Deno.exitCode = 1;

async function openGpu(): Promise<GpuBackend> {
  const backend = await GpuBackend.open({ timestamps: true });
  if (backend) return backend;
  console.error("Cannot count: there is no WebGPU adapter, one is needed");
  Deno.exit(2);
}

/** Batches of tokens after a prompt that fills the budget. */
async function decode(budget: number): Promise<Batch[]> {
  const progress = new ProgressLine();
  const policy = gkv({ interval: INTERVAL });
  using session = endlessSession(model, {
    budget: { tokens: budget },
    policy,
  });
  const prompt = Array.from({ length: budget }, (_, i) => i % 200);
  const batches = await batchesOf(backend, model, session, prompt, {
    maxTokens: TOKENS,
    runAhead: AHEAD,
    onPrompt: ({ done, total }) => progress.show(bar(done, total, "tokens")),
  });
  progress.clear();
  return batches;
}

function claims(): Row[] {
  const { layers } = model.config;
  const plain = total(batches.filter(({ evictions }) => evictions === 0));
  const evicting = total(batches.filter(({ evictions }) => evictions > 0));
  const { tokens, counts, leastBytes } = plain;
  const dispatches = counts.dispatches / tokens;
  const more = evicting.counts.dispatches - evicting.tokens * dispatches;
  return [
    figure("layers", layers),
    figure("dispatches per token", dispatches),
    // All layers have the same, and what is outside is less than one each.
    claim("  in each layer", Math.floor(dispatches / layers), 12),
    figure("  outside of layers", dispatches % layers),
    claim("submits per token", counts.submits / tokens, 1),
    claim("read-backs per token", counts.readBacks / tokens, 1 / AHEAD),
    figure("MiB read and written per token", mib(counts.bytesMoved / tokens)),
    figure("  weights and cache once", mib(leastBytes / tokens)),
    claim("  ratio", counts.bytesMoved / leastBytes, 1.1),
    claim(
      "dispatches per eviction and layer",
      more / evicting.evictions / layers,
      8,
    ),
  ];
}

function timeRows(): Row[] {
  const { tokens } = total(batches);
  const sum = [...times.values()].reduce((all, t) => all + t.microseconds, 0);
  return [...times]
    .sort(([, a], [, b]) => b.microseconds - a.microseconds)
    .map(([kernel, time]) => timeRow(kernel, time, tokens, sum));
}

function timeRow(
  kernel: string,
  { dispatches, microseconds }: KernelTime,
  tokens: number,
  sum: number,
): Row {
  return {
    kernel,
    dispatches: dispatches / tokens,
    "µs each": microseconds / dispatches,
    "µs": microseconds / tokens,
    "%": 100 * microseconds / sum,
  };
}
