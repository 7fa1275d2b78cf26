/**
 * How fast is decode attention, over caches of each type?
 *
 * One query, one layer, one thread: our kernels in both builds, a TypeScript
 * loop, onnxruntime-web, and loops in C where there is a compiler; `hot` is one
 * layer again and again, `cold` goes through the layers of a model as decoding
 * does. `µs` are per layer, `times ours` is the least time over that of int8 in
 * the faster of our builds, `error` is relative to the largest value.
 *
 * ```sh
 * deno task bench attention [--json]
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { openBackend } from "../mod.ts";
import {
  type AttentionCase,
  attentionCase,
  type AttentionPeer,
  type AttentionShape,
  BackendAttention,
  checkResults,
} from "./attention_case.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { LoopAttention } from "./peers/attention_loop.ts";
import { NativeAttention } from "./peers/native_attention.ts";
import { OnnxAttention } from "./peers/onnx_attention.ts";
import { report, type Row } from "./report.ts";
import { type Contestant, race } from "./timing.ts";

/** The last one is SmolLM2-135M's. */
const shapes: readonly AttentionShape[] = [
  { queryHeads: 12, kvHeads: 2, headDim: 128, tokens: 512 },
  { queryHeads: 12, kvHeads: 2, headDim: 128, tokens: 2048 },
  { queryHeads: 12, kvHeads: 2, headDim: 128, tokens: 8192 },
  { queryHeads: 32, kvHeads: 8, headDim: 128, tokens: 4096 },
  { queryHeads: 9, kvHeads: 3, headDim: 64, tokens: 512 },
];

/** Layers of a model of this size, but for what memory limits. */
const COLD_LAYERS = 24;
const COLD_BYTES = 200 * 2 ** 20;

const { values: { json = false } } = parseArgs({
  args: Deno.args,
  options: { json: { type: "boolean" } },
});
const rows: Row[] = [];
for (const shape of shapes) rows.push(...await compare(shape));
report("Decode attention, one thread", rows, json);

async function compare(shape: AttentionShape): Promise<Row[]> {
  const given = attentionCase(shape);
  const bytes = given.keys.byteLength + given.values.byteLength;
  const layers = Math.min(COLD_LAYERS, Math.floor(COLD_BYTES / bytes));
  const peers = await openPeers(given, layers);
  const errors = await checkResults(given, peers);
  const colds = peers.map((peer) => cold(peer, layers));
  const rows = [
    ...await measure(shape, "hot", peers.map((peer) => hot(peer)), errors),
    ...await measure(shape, "cold", colds, errors),
  ];
  for (const peer of peers) await peer[Symbol.asyncDispose]();
  return rows;
}

async function openPeers(
  given: AttentionCase,
  layers: number,
): Promise<AttentionPeer[]> {
  const ours = async (type: CacheType, build: "relaxed-simd" | "simd") =>
    new BackendAttention(
      await openBackend({ backend: "wasm", build }),
      given,
      layers,
      type,
    );
  const native = await NativeAttention.open(given, layers);
  if (!native) console.error("No C compiler here: nothing native to compare");
  return [
    await ours("int8", "relaxed-simd"),
    await ours("int8", "simd"),
    await ours("f16", "relaxed-simd"),
    await ours("f16", "simd"),
    await ours("f32", "relaxed-simd"),
    await ours("f32", "simd"),
    new LoopAttention(given, layers),
    await OnnxAttention.open(given, layers),
    ...native ? [native] : [],
  ];
}

function hot(peer: AttentionPeer): Contestant {
  return { name: peer.name, calls: 1, run: () => peer.attend(0) };
}

function cold(peer: AttentionPeer, layers: number): Contestant {
  const run = async () => {
    for (let layer = 0; layer < layers; layer++) {
      const pending = peer.attend(layer);
      if (pending) await pending;
    }
  };
  return { name: peer.name, calls: layers, run };
}

async function measure(
  { tokens, queryHeads, kvHeads, headDim }: AttentionShape,
  state: string,
  contestants: Contestant[],
  errors: number[],
): Promise<Row[]> {
  const timings = await race(contestants, { rounds: 8, turn: 50 });
  const ours = Math.min(timings[0].min, timings[1].min);
  return timings.map(({ min, median, p99 }, i) => ({
    tokens,
    heads: `${queryHeads}/${kvHeads} x ${headDim}`,
    state,
    contestant: contestants[i].name,
    "min µs": min,
    "median µs": median,
    "p99 µs": p99,
    "times ours": min / ours,
    error: errors[i].toExponential(1),
  }));
}
