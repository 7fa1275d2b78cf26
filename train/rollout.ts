import { KVCache } from "../cache/cache.ts";
import type { Policy } from "../cache/policy.ts";
import { openBackend } from "../kernels/open.ts";
import { bufferSource } from "../model/checkpoint/source.ts";
import { type BatchRequest, generateBatch } from "../model/batch.ts";
import type { Decoder } from "../model/decoder.ts";
import { loadModel, type Model } from "../model/model.ts";
import type { Session } from "../model/session.ts";
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

/** Texts to take through the decoder. */
export interface Forcing {
  /** Token ids, all of one length. */
  readonly texts: readonly (readonly number[])[];
  /** Tokens at the beginning that were not generated. */
  readonly prompt: number;
  /** What the cache keeps. */
  readonly eviction: Eviction;
}

/** Solutions to be drawn at temperature 1. */
export interface Drawing {
  /** Token ids of the prompt of each, and the seed of its sampler. */
  readonly draws: readonly { readonly ids: number[]; readonly seed: number }[];
  /** What the caches keep. */
  readonly eviction: Eviction;
  /** Most tokens of a solution. */
  readonly maxTokens: number;
}

/** A solution that was drawn. */
export interface Drawn {
  /** Prompt and solution. */
  readonly ids: number[];
  /** `[layers, kvHeads, ids.length - 1]`, see {@linkcode untilEvicted}. */
  readonly until: Int32Array<ArrayBuffer>;
  /** Whether `maxTokens` ended it. */
  readonly isCutOff: boolean;
}

/** Sequences that are decoded together; that changes no bit of any. */
const SEQUENCES = 8;

/** Runs `use` with the decoder of a model that is being trained. */
export async function withModel<T>(
  config: TwinConfig,
  parameters: Float32Array,
  task: Pick<Task, "vocabulary">,
  use: (model: Model) => Promise<T>,
): Promise<T> {
  using backend = await openBackend({ backend: "wasm" });
  const files = modelFiles(config, parameters, task, "f32");
  const sources = [...files].map(([name, bytes]) => bufferSource(name, bytes));
  using model = await loadModel(sources, { backend });
  return await use(model);
}

/**
 * What a model's own caches would have dropped had it written these texts.
 *
 * @returns `until` of {@linkcode twinLogits}, `[texts, layers, kvHeads, tokens]`.
 */
export async function untilEvictedIn(
  model: Model,
  { texts, prompt, eviction }: Forcing,
): Promise<Int32Array<ArrayBuffer>> {
  const { layers, kvHeads } = model.config;
  const length = texts[0]!.length;
  const size = layers * kvHeads * length;
  const until = new Int32Array(texts.length * size);
  for (let at = 0; at < texts.length; at += SEQUENCES) {
    const part = texts.slice(at, at + SEQUENCES);
    const caches = part.map(() => newCache(model, eviction));
    try {
      feed(model.decoder, part, prompt, caches);
      for (const [i, cache] of caches.entries()) {
        const records = await cache.evictions();
        const own = untilEvicted(model.config, records, length);
        until.set(own, (at + i) * size);
      }
    } finally {
      for (const cache of caches) cache.dispose();
    }
  }
  return until;
}

function newCache(
  { config, engine }: Model,
  { policy, tokens }: Eviction,
): KVCache {
  const { layers, queryHeads, kvHeads, headDim } = config;
  return new KVCache(engine.backend, {
    layers,
    queryHeads,
    kvHeads,
    headDim,
    dtype: "f32",
    policy,
    budget: { tokens },
    record: true,
  });
}

/** Takes texts through the decoder as their generation would have been. */
function feed(
  decoder: Decoder,
  texts: readonly (readonly number[])[],
  prompt: number,
  caches: readonly KVCache[],
): void {
  caches.forEach((cache, i) => {
    while (cache.seen < prompt) {
      const at = cache.seen;
      const n = Math.min(prompt - at, cache.room());
      const phase = at + n === prompt ? "promptEnd" : "prompt";
      decoder.forward(texts[i]!.slice(at, at + n), at, cache, phase);
    }
  });
  for (let at = prompt; at < texts[0]!.length; at++) {
    decoder.forwardBatch(
      texts.map((text) => text[at]!),
      caches.map((cache) => ({ cache, position: at, n: 1, phase: "decode" })),
    );
  }
}

/** Draws solutions, in the order of their prompts. */
export async function drawSolutions(
  model: Model,
  { draws, eviction: { policy, tokens }, maxTokens }: Drawing,
): Promise<Drawn[]> {
  const options = { temperature: 1, maxTokens, onWarning: () => {} };
  const sessions = Array.from({ length: SEQUENCES }, () =>
    model.session({
      policy,
      budget: { tokens },
      // What is trained is the model without a cache's rounding.
      dtype: "f32",
      record: true,
    }));
  const idle = [...sessions];
  function* requests(): Generator<BatchRequest, void> {
    for (const { ids, seed } of draws) {
      const session = idle.pop()!;
      session.reset();
      yield { session, prompt: { ids }, seed, ...options };
    }
  }
  const drawn: Drawn[] = [];
  try {
    const pieces = generateBatch(requests(), { sequences: SEQUENCES });
    for await (const { index, session, id } of pieces) {
      if (id !== undefined) continue;
      drawn[index] = await drawnIn(model, session);
      idle.push(session);
    }
  } finally {
    for (const session of sessions) session.dispose();
  }
  return drawn;
}

async function drawnIn(
  { config }: Model,
  { tokens, cache, generation }: Session,
): Promise<Drawn> {
  const ids = [...tokens];
  const until = untilEvicted(config, await cache.evictions(), ids.length - 1);
  return { ids, until, isCutOff: generation!.stopReason !== "endToken" };
}
