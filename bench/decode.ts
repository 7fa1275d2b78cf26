/**
 * How fast does a real model decode, beside native llama.cpp?
 *
 * Both on one thread with the same file, greedy, in turns: 128 tokens after a
 * prompt of 16 and of 512 tokens (ours with `gkv()` and a budget of 512, so
 * that the 128 tokens include an eviction), and a prompt of 256 tokens with
 * its first answer token. `tokens/s` is from the mean, `of llama.cpp` our
 * speed over its, by the mean.
 *
 * ```sh
 * deno task bench decode
 * deno run -A bench/decode.ts MODEL.gguf --json
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { gkv } from "../mod.ts";
import { english } from "../tests/model/english.ts";
import {
  type Decoding,
  type DecodingPeer,
  Gkv,
  modelPath,
} from "./decoding.ts";
import { LlamaCpp } from "./peers/llama_cpp.ts";
import { report, type Row } from "./report.ts";
import { summarise } from "./timing.ts";

const ROUNDS = 6;
const TOKENS = 128;

/** Seconds per token of a decoding. */
type Measure = (decoding: Decoding) => number[];

interface Task {
  readonly what: string;
  readonly prompt: number;
  readonly tokens: number;
  readonly measure: Measure;
}

const decoded: Measure = ({ tokenSeconds }) => tokenSeconds.slice(1);

const tasks: readonly Task[] = [
  { what: "decode at 16", prompt: 16, tokens: TOKENS + 1, measure: decoded },
  { what: "decode at 512", prompt: 512, tokens: TOKENS + 1, measure: decoded },
  {
    what: "prompt of 256",
    prompt: 256,
    tokens: 1,
    measure: ({ tokenSeconds }) => [tokenSeconds[0] / 256],
  },
];

const { values: { json = false }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
const path = modelPath(positionals[0]);
const llama = await LlamaCpp.open(path, 1024);
const ours = await Gkv.open(path, { budget: { tokens: 512 }, policy: gkv() });
const engines: readonly DecodingPeer[] = [ours, llama];
const text = ours.model.tokenizer!.encode(english);
await checkAgreement();
const rows: Row[] = [];
for (const task of tasks) rows.push(...await compare(task));
report(`Decoding ${ours.model.name}, one thread`, rows, json);
for (const engine of engines) await engine[Symbol.asyncDispose]();

/** The text's first tokens, over and over. */
function promptOf(length: number): number[] {
  return Array.from({ length }, (_, i) => text[i % text.length]);
}

/** Engines that run the same model go on with the same token. */
async function checkAgreement(): Promise<void> {
  for (const length of [64, 128, 256]) {
    const [own, other] = [
      await ours.generate(promptOf(length), 1),
      await llama.generate(promptOf(length), 1),
    ];
    if (own.tokens[0] === other.tokens[0]) continue;
    throw new Error(
      `Cannot compare: after ${length} tokens ours goes on with ` +
        `${own.tokens[0]}, llama.cpp with ${other.tokens[0]}`,
    );
  }
}

async function compare(task: Task): Promise<Row[]> {
  const samples = engines.map((): number[] => []);
  for (let round = 0; round <= ROUNDS; round++) {
    for (const [i, engine] of engines.entries()) {
      const decoding = await engine.generate(
        promptOf(task.prompt),
        task.tokens,
      );
      const seconds = task.measure(decoding);
      // The first round is for warming up.
      if (round > 0) samples[i].push(...seconds.map((s) => s * 1e6));
    }
  }
  const means = samples.map(mean);
  return engines.map(({ name }, i) => ({
    what: task.what,
    engine: name,
    "min µs": summarise(samples[i]).min,
    "median µs": summarise(samples[i]).median,
    "p99 µs": summarise(samples[i]).p99,
    "tokens/s": 1e6 / means[i],
    "of llama.cpp": means[1] / means[i],
  }));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
