import { parseArgs } from "node:util";
import { type BackendName, openBackend } from "../kernels/open.ts";
import { fidelity, type Variant } from "../model/evaluation/fidelity.ts";
import type { Model } from "../model/model.ts";
import { tokenizerOf } from "../model/prompt.ts";
import { cacheTypes, number, policyNames } from "./arguments.ts";
import { type FidelityRow, rowOf, variantsOf } from "./eval_variants.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { bar, ProgressLine, remaining } from "./progress.ts";
import { type Row, table } from "./table.ts";
import { UsageError } from "./usage_error.ts";

const options = {
  backend: { type: "string" },
  budget: { type: "string", default: "128t,256t,512t,1024t" },
  json: { type: "boolean", default: false },
  policy: { type: "string" },
  prompt: { type: "string" },
  svg: { type: "string" },
  text: { type: "string" },
  tokens: { type: "string" },
  type: { type: "string", default: "f32" },
} as const;

/** How to use {@linkcode evaluateText}. */
export const evalTextHelp: string = `gkv eval MODEL --text FILE [options]

  Decodes a text with small caches and compares every prediction with the full
  cache's: mean KL divergence, agreement of the likeliest token, perplexity.

  --policy NAME,…          ${policyNames} (all)
  --budget 128t,8MiB,25%   budgets (128t,256t,512t,1024t)
  --type NAME,…            ${cacheTypes.join(", ")} (f32)
  --tokens N               how much of the text (4096, or the model's context)
  --prompt N               how much of that is taken as a prompt (128)
  --svg FILE               a plot: budget against KL divergence
  --backend wasm|webgpu|reference
  --json                   one object with all figures`;

/** `gkv eval --text`: what eviction does to a model's predictions. */
export async function evaluateText(args: string[]): Promise<void> {
  const { values, positionals: [name] } = parse(args);
  if (!name) throw new UsageError("Cannot evaluate: a MODEL is needed");
  if (!values.text) throw new UsageError("Cannot evaluate: --text is needed");
  const wanted = number("tokens", values.tokens);
  const prompt = number("prompt", values.prompt) ?? 128;
  const lists = { policy: values.policy, ...values };
  // What is wrong or missing shall show before the work, not after it.
  variantsOf(lists, 0);
  const text = await Deno.readTextFile(values.text);
  const plot = values.svg && (await import("./eval_plot.ts")).fidelityPlot;
  const progress = new ProgressLine();
  using backend = await openBackend({
    backend: values.backend as BackendName | undefined,
  });
  using model = await load(name, backend, progress);
  const tokens = tokensOf(model, text, wanted);
  const variants = variantsOf(lists, tokens.length);
  const found = await measure(model, tokens, variants, prompt, progress);
  if (values.json) {
    const facts = { model: model.name, text: values.text, prompt };
    const extent = { tokens: tokens.length, backend: backend.name };
    console.log(JSON.stringify({ ...facts, ...extent, ...found }));
  } else console.log(table([found.reference, ...found.results].map(describe)));
  if (plot) await Deno.writeTextFile(values.svg!, plot(found.results));
  warnOfInterrupt(found, variants.length, tokens.length - 1 - prompt);
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

interface Found {
  seconds: number;
  reference: FidelityRow;
  results: FidelityRow[];
}

/** The first Ctrl-C ends it with what there is, the second one the program. */
async function measure(
  model: Model,
  tokens: number[],
  variants: Variant[],
  prompt: number,
  progress: ProgressLine,
): Promise<Found> {
  const start = performance.now();
  const report = await interruptible((signal) =>
    fidelity(model, tokens, variants, {
      prompt,
      signal,
      onProgress: ({ done, total }) =>
        progress.show(bar(done, total, remaining(start, done / total))),
    })
  ).finally(() => progress.clear());
  return {
    seconds: (performance.now() - start) / 1000,
    reference: rowOf(report.reference),
    results: report.variants.map(rowOf),
  };
}

function warnOfInterrupt({ results }: Found, all: number, whole: number): void {
  const done = results.filter(({ positions }) => positions === whole).length;
  if (done === all) return;
  console.error(
    `gkv: interrupted: ${done} of ${all} caches have seen the whole text`,
  );
}

/** The text's first tokens. */
function tokensOf(model: Model, text: string, wanted?: number): number[] {
  const tokenizer = tokenizerOf(model);
  const all = tokenizer.encode(text, { bos: tokenizer.addBos });
  const { contextLength } = model.config;
  return all.slice(0, wanted ?? Math.min(4096, contextLength));
}

/** A line for people. */
function describe(row: FidelityRow): Row {
  return {
    policy: row.policy,
    type: row.type,
    "budget": row.budgetTokens,
    "cache MiB": row.bytes / 2 ** 20,
    evictions: row.evictions,
    positions: row.positions,
    "KL nats": row.divergence,
    "agree %": row.agreement * 100,
    perplexity: row.perplexity,
  };
}
