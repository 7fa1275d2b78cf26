import { parseArgs } from "node:util";
import type { GpuBackend } from "../gpu/backend.ts";
import { type BackendName, openBackend } from "../kernels/open.ts";
import type { Backend } from "../kernels/backend.ts";
import type { GenerateOptions } from "../model/generation.ts";
import type { Model } from "../model/model.ts";
import type { Session } from "../model/session.ts";
import { number, policyNamed } from "./arguments.ts";
import { parseBudget } from "./budget.ts";
import { endlessSession } from "./endless_session.ts";
import { bytes, describe, figuresOf } from "./figures.ts";
import { load } from "./load.ts";
import { bar, ProgressLine } from "./progress.ts";
import { type Batch, batchesOf, total } from "./traffic.ts";
import { UsageError } from "./usage_error.ts";

const options = {
  backend: { type: "string" },
  budget: { type: "string", default: "1024t" },
  json: { type: "boolean", default: false },
  policy: { type: "string", default: "gkv" },
  tokens: { type: "string", default: "160" },
} as const;

/** How to use {@linkcode bench}. */
export const benchHelp: string = `gkv bench MODEL [options]

  Fills the budget with a prompt, decodes, and prints the speed; on a GPU also
  what a token sends there, beside the least bytes there could be.

  --tokens N               tokens to decode (160)
  --budget 8MiB|512t|25%   bytes, tokens per head, or share of the context (1024t)
  --policy NAME            eviction method (gkv)
  --backend wasm|webgpu|reference
  --json                   one object with all figures`;

/** `gkv bench`: how fast a model decodes within a budget. */
export async function bench(args: string[]): Promise<void> {
  const { values, positionals: [name] } = parse(args);
  if (!name) throw new UsageError("Cannot measure: a MODEL is needed");
  const budget = parseBudget(values.budget);
  const policy = policyNamed(values.policy);
  const maxTokens = number("tokens", values.tokens) ?? 160;
  const progress = new ProgressLine();
  using backend = await openBackend({
    backend: values.backend as BackendName | undefined,
  });
  using model = await load(name, backend, progress);
  using session = endlessSession(model, { budget, policy });
  const prompt = promptFor(session);
  const batches = await decode(backend, model, session, prompt, {
    maxTokens,
    onPrompt: ({ done, total }) => progress.show(bar(done, total, "prompt")),
  });
  progress.clear();
  const names = { policy: policy.name, backend: backend.name };
  const figures = figuresOf(session.generation!, session.cache.stats(), names);
  const traffic = batches.length > 0 ? trafficOf(batches) : undefined;
  if (values.json) console.log(JSON.stringify({ ...figures, traffic }));
  else console.log([describe(figures), ...linesOf(traffic)].join("\n"));
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** As many tokens as the budget holds; which ones does not matter. */
function promptFor({ cache }: Session): number[] {
  return Array.from({ length: cache.tokens }, (_, i) => i % 200);
}

/** Generates; what each batch sent, where there is a GPU. */
async function decode(
  backend: Backend,
  model: Model,
  session: Session,
  prompt: number[],
  options: GenerateOptions,
): Promise<Batch[]> {
  if (backend.name.startsWith("webgpu")) {
    const gpu = backend as GpuBackend;
    return await batchesOf(gpu, model, session, prompt, options);
  }
  for await (const _ of session.generateTokens(prompt, options));
  return [];
}

/** What a decoded token sends to a GPU, each a mean. */
interface Traffic {
  dispatches: number;
  submits: number;
  readBacks: number;
  bytesMoved: number;
  /** Weights and cache once. */
  leastBytes: number;
}

function trafficOf(batches: readonly Batch[]): Traffic {
  const { tokens, counts, leastBytes } = total(batches);
  return {
    dispatches: counts.dispatches / tokens,
    submits: counts.submits / tokens,
    readBacks: counts.readBacks / tokens,
    bytesMoved: counts.bytesMoved / tokens,
    leastBytes: leastBytes / tokens,
  };
}

function linesOf(traffic: Traffic | undefined): string[] {
  if (!traffic) return [];
  const { dispatches, submits, readBacks, bytesMoved, leastBytes } = traffic;
  const [d, s, r] = [dispatches, submits, readBacks].map((x) => x.toFixed(2));
  return [
    `gpu      ${d} dispatches, ${s} submits, ${r} read-backs per token`,
    `moved    ${bytes(bytesMoved)} per token, at least ${bytes(leastBytes)} ` +
    `(${(bytesMoved / leastBytes).toFixed(2)} times), evictions included`,
  ];
}
