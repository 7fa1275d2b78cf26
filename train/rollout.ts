import { KVCache } from "../cache/cache.ts";
import type { Policy } from "../cache/policy.ts";
import { openBackend } from "../kernels/open.ts";
import { bufferSource } from "../model/checkpoint/source.ts";
import { loadModel, type Model } from "../model/model.ts";
import { modelFiles } from "./export.ts";
import { untilEvicted } from "./masks.ts";
import type { Task } from "./tasks/task.ts";
import type { TwinConfig } from "./twin_config.ts";

/** A budget and what keeps to it. */
export interface Eviction {
  /** What evicts. */
  readonly policy: Policy;
  /** Tokens that an eviction leaves. */
  readonly tokens: number;
}

/** Runs `use` with the decoder of a model that is being trained. */
export async function withModel<T>(
  config: TwinConfig,
  parameters: Float32Array,
  task: Task,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  using backend = await openBackend({ backend: "wasm" });
  const files = modelFiles(config, parameters, task, "f32");
  const sources = [...files].map(([name, bytes]) => bufferSource(name, bytes));
  using model = await loadModel(sources, { backend });
  return await use(model);
}

/**
 * What a model's own cache would have dropped had it written these texts.
 *
 * @param texts All of one length.
 * @param prompt Tokens at the beginning that were not generated.
 * @returns `until` of {@linkcode twinLogits}, `[texts, layers, kvHeads, tokens]`.
 */
export async function untilEvictedIn(
  model: Model,
  texts: readonly (readonly number[])[],
  prompt: number,
  { policy, tokens }: Eviction,
): Promise<Int32Array<ArrayBuffer>> {
  const { config, engine } = model;
  const { layers, queryHeads, kvHeads, headDim } = config;
  using cache = new KVCache(engine.backend, {
    layers,
    queryHeads,
    kvHeads,
    headDim,
    dtype: "f32",
    policy,
    budget: { tokens },
    record: true,
  });
  const length = texts[0]!.length;
  const size = layers * kvHeads * length;
  const until = new Int32Array(texts.length * size);
  for (const [i, text] of texts.entries()) {
    cache.reset();
    feed(model, text, prompt, cache);
    const records = await cache.evictions();
    until.set(untilEvicted(config, records, length), i * size);
  }
  return until;
}

/** Takes a text through the decoder as its generation would have been. */
function feed(
  { decoder }: Model,
  text: readonly number[],
  prompt: number,
  cache: KVCache,
): void {
  while (cache.seen < prompt) {
    const at = cache.seen;
    const n = Math.min(prompt - at, cache.room());
    const phase = at + n === prompt ? "promptEnd" : "prompt";
    decoder.forward(text.slice(at, at + n), at, cache, phase);
  }
  for (let at = prompt; at < text.length; at++) {
    decoder.forward([text[at]!], at, cache, "decode");
  }
}
