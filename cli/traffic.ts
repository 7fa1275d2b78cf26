import { vectorBytes } from "../kernels/cache_bytes.ts";
import type { GpuBackend } from "../gpu/backend.ts";
import type { GpuCounts } from "../gpu/queue.ts";
import type { CacheType } from "../kernels/tensors.ts";
import type { GenerateOptions } from "../model/generation.ts";
import type { Model } from "../model/model.ts";
import type { Session } from "../model/session.ts";

/** Decoded tokens whose ids were read together. */
export interface Batch {
  readonly tokens: number;
  readonly evictions: number;
  /** What they sent. */
  readonly counts: GpuCounts;
  /** Bytes of all weights once, and of the keys and values attended to. */
  readonly leastBytes: number;
}

/**
 * Batches of a generation after the prompt; times of the prompt are dropped.
 *
 * @param session One that has seen nothing.
 */
export async function batchesOf(
  backend: GpuBackend,
  model: Model,
  session: Session,
  prompt: readonly number[],
  options: GenerateOptions,
): Promise<Batch[]> {
  const batches: Batch[] = [];
  let before = snapshot(backend, session);
  for await (const _ of session.generateTokens(prompt, options)) {
    const now = snapshot(backend, session);
    // A batch is computed before its first token comes.
    if (now.counts.readBacks === before.counts.readBacks) continue;
    const { dtype } = session.cache;
    if (before.seen > 0) batches.push(between(before, now, model, dtype));
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
  model: Model,
  type: CacheType,
): Batch {
  const { layers, kvHeads, headDim } = model.config;
  const tokens = after.seen - before.seen;
  // Each token attends to one more than the one before it.
  const attended = tokens * before.cached + tokens * (tokens + 1) / 2;
  const cacheBytes = attended * layers * kvHeads * 2 *
    vectorBytes(type, headDim);
  return {
    tokens,
    evictions: after.evictions - before.evictions,
    counts: combine(after.counts, before.counts, (x, y) => x - y),
    leastBytes: tokens * model.weightBytes + cacheBytes,
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
