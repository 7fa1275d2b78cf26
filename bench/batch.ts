/**
 * How much do sequences that are decoded together share?
 *
 * Tokens per second of 1 to 16 sequences of a real model, on one thread of the
 * CPU: each of another text, with `gkv()` and a budget of 512, 64 tokens after
 * a prompt of 64. Every number of sequences generates in turns, and each must
 * say what it says alone. `of one` is beside a single sequence; `µs` are per
 * pass over the weights, which gives every sequence a token.
 *
 * ```sh
 * deno task bench batch
 * deno run -A bench/batch.ts MODEL.gguf --json
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import {
  generateBatch,
  gkv,
  loadModel,
  openBackend,
  type Session,
} from "../mod.ts";
import { english } from "../tests/model/english.ts";
import { modelPath } from "./decoding.ts";
import { report, type Row } from "./report.ts";
import { summarise } from "./timing.ts";

const COUNTS = [1, 2, 4, 8, 16];
const ROUNDS = 2;
const PROMPT = 64;
const TOKENS = 64;

/** What some sequences generated. */
interface Batch {
  readonly answers: number[][];
  /** Microseconds of each pass in which all had a token already. */
  readonly passes: number[];
}

const { values: { json = false }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
using backend = await openBackend({ backend: "wasm" });
using model = await loadModel(modelPath(positionals[0]), { backend });
const text = model.tokenizer!.encode(english);
const sessions = Array.from(
  { length: Math.max(...COUNTS) },
  () => model.session({ policy: gkv(), budget: { tokens: 512 } }),
);
await checkAgreement();
const samples = await measure();
const [one] = samples.map(mean);
report(
  `Decoding sequences of ${model.name} together, ${backend.name}`,
  COUNTS.map((count, i): Row => {
    const { min, median, p99 } = summarise(samples[i]);
    const perSecond = 1e6 * count / mean(samples[i]);
    return {
      sequences: count,
      "min µs": min,
      "median µs": median,
      "p99 µs": p99,
      "tokens/s": perSecond,
      "of one": perSecond * one / 1e6,
      "of one by min": count * Math.min(...samples[0]) / min,
    };
  }),
  json,
);
for (const session of sessions) session.dispose();

/** Another stretch of the text, over and over, for each sequence. */
function promptOf(sequence: number): number[] {
  const start = sequence * 37;
  return Array.from(
    { length: PROMPT },
    (_, i) => text[(start + i) % text.length],
  );
}

/** Every sequence says what it says alone. */
async function checkAgreement(): Promise<void> {
  const { answers } = await decode(sessions);
  for (const [i, session] of sessions.entries()) {
    session.reset();
    const alone: number[] = [];
    const options = { maxTokens: TOKENS };
    for await (const id of session.generateTokens(promptOf(i), options)) {
      alone.push(id);
    }
    if (`${alone}` === `${answers[i]}`) continue;
    throw new Error(
      `Cannot compare: sequence ${i} says ${
        answers[i]
      } in a batch, ${alone} alone`,
    );
  }
}

/** Passes of every number of sequences, in turns: the machine is shared. */
async function measure(): Promise<number[][]> {
  const samples = COUNTS.map((): number[] => []);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [i, count] of COUNTS.entries()) {
      const { passes } = await decode(sessions.slice(0, count));
      samples[i].push(...passes);
    }
  }
  return samples;
}

async function decode(sessions: readonly Session[]): Promise<Batch> {
  for (const session of sessions) session.reset();
  const requests = sessions.map((session, i) => ({
    session,
    prompt: { ids: promptOf(i) },
    maxTokens: TOKENS,
  }));
  const answers = sessions.map((): number[] => []);
  const options = { sequences: sessions.length };
  const passes: number[] = [];
  let start = performance.now();
  for await (const { index, id } of generateBatch(requests, options)) {
    if (id === undefined) continue;
    answers[index].push(id);
    if (index < sessions.length - 1) continue;
    const now = performance.now();
    // The first one has the prompts in it.
    if (answers[index].length > 1) passes.push((now - start) * 1000);
    start = now;
  }
  return { answers, passes };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
