/**
 * Does a text beyond the model's trained context keep its perplexity?
 *
 * The worked problems and then "Persuasion", 11,781 tokens in all, go through
 * a model trained for 8,192 (SmolLM2) in a budget of 512 tokens, with and
 * without `reposition`, and through a full cache; for comparison "Persuasion"
 * alone in that budget, where no position is beyond the context. Perplexity of
 * every 1,000 tokens of "Persuasion". Exits with 1 unless with `reposition`
 * those beyond the context are at most 5 % above what they are alone: some of
 * the cache holds the other text.
 *
 * Cut into chunks as a prompt, so that it evicts whenever 128 tokens have come.
 *
 * ```sh
 * deno task bench positions
 * deno run -A bench/positions.ts MODEL.gguf --json
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { bar, ProgressLine } from "../cli/progress.ts";
import { full, gkv, loadModel, openBackend } from "../mod.ts";
import { Distribution } from "../model/evaluation/distribution.ts";
import { Sequence } from "../model/sequence.ts";
import type { SessionOptions } from "../model/session_options.ts";
import { modelPath } from "./decoding.ts";
import { report } from "./report.ts";

const STRETCH = 1000;
const LOSS = 1.05;
const LANES = ["alone", "reposition", "no reposition", "full cache"] as const;

/** One number for each lane. */
type Figures = Record<typeof LANES[number], number>;

const { values: { json = false }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
using backend = await openBackend({ backend: "wasm" });
using model = await loadModel(modelPath(positionals[0]), { backend });
const { contextLength, vocabulary } = model.config;
const [problems, novel] = await Promise.all(
  ["worked_problems", "persuasion"].map(tokensOf),
);
const all = [...problems, ...novel];
const progress = new ProgressLine();
const surprises = await measure();
const starts = novel.map((_, i) => i).filter((i) => i % STRETCH === 0);
const rows = starts.map((start) => ({ start, ...perplexities(start) }));
report(
  `perplexity of ${model.name}, trained for ${contextLength} tokens`,
  rows.map(({ start, ...figures }) => {
    const from = problems.length + start;
    const to = Math.min(from + STRETCH, all.length);
    return { tokens: `${from} to ${to}`, ...figures };
  }),
  json,
);
if (rows.some(isLost)) Deno.exitCode = 1;

async function tokensOf(name: string): Promise<number[]> {
  const url = new URL(`./texts/${name}.txt`, import.meta.url);
  return model.tokenizer!.encode(await Deno.readTextFile(url));
}

async function measure(): Promise<Record<keyof Figures, number[]>> {
  const small = { budget: { tokens: 512 }, policy: gkv() };
  const room = { budget: { tokens: all.length }, policy: full() };
  return {
    alone: await surprisesOf([], small),
    reposition: await surprisesOf(problems, { ...small, reposition: true }),
    "no reposition": await surprisesOf(problems, small),
    "full cache": await surprisesOf(problems, room),
  };
}

/** Natural logarithms of one over the probabilities of the novel's tokens. */
async function surprisesOf(
  before: number[],
  options: SessionOptions,
): Promise<number[]> {
  const sequence = new Sequence(model, options);
  const tokens = [...before, ...novel];
  const surprises: number[] = [];
  sequence.push(tokens);
  while (sequence.pending > 0) {
    const n = sequence.chunk;
    sequence.advance(true);
    const end = tokens.length - sequence.pending;
    const rows = Math.min(n, end - before.length);
    if (rows > 0) {
      const next = tokens.slice(end - rows + 1, end + 1);
      surprises.push(...await surprisesIn(n, rows, next));
    }
    progress.show(bar(end, tokens.length, "tokens"));
  }
  sequence.dispose();
  progress.clear();
  return surprises;
}

/** Those of the tokens after each of the last `rows` of `n`. */
async function surprisesIn(n: number, rows: number, next: number[]) {
  const logits = model.engine.decoder.logits(n, rows);
  const values = await backend.read(logits, rows) as Float32Array;
  return next.map((id, i) => {
    const row = values.subarray(i * vocabulary, (i + 1) * vocabulary);
    return -new Distribution(row).logProbability(id);
  });
}

function perplexities(start: number): Figures {
  const of = (lane: keyof Figures) => {
    const stretch = surprises[lane].slice(start, start + STRETCH);
    const sum = stretch.reduce((sum, value) => sum + value, 0);
    return [lane, Math.exp(sum / stretch.length)];
  };
  return Object.fromEntries(LANES.map(of));
}

function isLost({ start, alone, reposition }: Figures & { start: number }) {
  const isBeyond = problems.length + start >= contextLength;
  return isBeyond && reposition > alone * LOSS;
}
