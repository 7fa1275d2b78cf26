import type { GpuBackend } from "../gpu/backend.ts";
import type { GpuCounts } from "../gpu/queue.ts";
import {
  type ByteSource,
  type GenerateOptions,
  loadModel,
  type Model,
  type Session,
  type SessionOptions,
} from "../mod.ts";
import { openCheckpoint } from "../model/checkpoint/open.ts";
import { bufferSource } from "../model/checkpoint/source.ts";
import { fileSources } from "../model/files/files.ts";
import { tinyGguf, type TinyOptions } from "../tests/model/fixtures.ts";
import { endlessSession } from "./decoding.ts";

/** Decoded tokens whose ids were read together. */
export interface Batch {
  readonly tokens: number;
  readonly evictions: number;
  /** What they sent. */
  readonly counts: GpuCounts;
  /** Bytes of all weights once, and of the keys and values attended to. */
  readonly leastBytes: number;
}

/** A model, and the bytes that a token needs of its files. */
export interface Measured extends Disposable {
  readonly model: Model;
  readonly weightBytes: number;
}

/** Of the tiny model: layers large enough that their weights matter. */
const tiny: TinyOptions = {
  type: "q8_0",
  tied: true,
  layers: 30,
  embedding: 256,
  feedForward: 768,
  contextLength: 2048,
};

/** Loads a GGUF file: of the path, of `GKV_TEST_MODEL`, or a tiny one. */
export async function loadMeasured(
  backend: GpuBackend,
  argument: string | undefined,
): Promise<Measured> {
  const path = argument ?? Deno.env.get("GKV_TEST_MODEL");
  const sources = path
    ? await fileSources(path)
    : [bufferSource("tiny, 30 layers", tinyGguf(tiny))];
  const model = await loadModel(sources, { backend });
  const weightBytes = await bytesPerToken(sources);
  return { model, weightBytes, [Symbol.dispose]: () => model.dispose() };
}

/** Bytes of the tensors; an embedding that is not the output too is looked up. */
async function bytesPerToken(sources: ByteSource[]): Promise<number> {
  const { tensors } = await openCheckpoint(sources);
  const lookedUp = tensors.has("output.weight") ? "token_embd.weight" : "";
  return [...tensors].reduce(
    (sum, [name, { bytes }]) => name === lookedUp ? sum : sum + bytes,
    0,
  );
}

/** What {@linkcode batchesOf} runs. */
export interface Run {
  readonly session: SessionOptions;
  readonly prompt: readonly number[];
  readonly generate: GenerateOptions;
}

/** Batches of a generation after the prompt; times of the prompt are dropped. */
export async function batchesOf(
  backend: GpuBackend,
  measured: Measured,
  run: Run,
): Promise<Batch[]> {
  using session = endlessSession(measured.model, run.session);
  const batches: Batch[] = [];
  let before = snapshot(backend, session);
  for await (const _ of session.generateTokens(run.prompt, run.generate)) {
    const now = snapshot(backend, session);
    // A batch is computed before its first token comes.
    if (now.counts.readBacks === before.counts.readBacks) continue;
    if (before.seen > 0) batches.push(between(before, now, measured));
    else await backend.kernelTimes();
    before = now;
  }
  return batches;
}

/** Several as one. */
export function total(batches: readonly Batch[]): Batch {
  return batches.reduce((a, b) => ({
    tokens: a.tokens + b.tokens,
    evictions: a.evictions + b.evictions,
    counts: combine(a.counts, b.counts, (x, y) => x + y),
    leastBytes: a.leastBytes + b.leastBytes,
  }));
}

interface Snapshot {
  readonly counts: GpuCounts;
  readonly seen: number;
  readonly cached: number;
  readonly evictions: number;
}

function snapshot({ counts }: GpuBackend, { cache }: Session): Snapshot {
  const { seen, cached, evictions } = cache.stats();
  return { counts: { ...counts }, seen, cached, evictions };
}

function between(
  before: Snapshot,
  after: Snapshot,
  { model, weightBytes }: Measured,
): Batch {
  const { layers, kvHeads, headDim } = model.config;
  const tokens = after.seen - before.seen;
  // Each token attends to one more than the one before it.
  const attended = tokens * before.cached + tokens * (tokens + 1) / 2;
  const cacheBytes = attended * layers * kvHeads * headDim * 2 * 4;
  return {
    tokens,
    evictions: after.evictions - before.evictions,
    counts: combine(after.counts, before.counts, (x, y) => x - y),
    leastBytes: tokens * weightBytes + cacheBytes,
  };
}

function combine(
  a: GpuCounts,
  b: GpuCounts,
  operation: (x: number, y: number) => number,
): GpuCounts {
  const names = Object.keys(a) as (keyof GpuCounts)[];
  const entries = names.map((name) => [name, operation(a[name], b[name])]);
  return Object.fromEntries(entries) as unknown as GpuCounts;
}
