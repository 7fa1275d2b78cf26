import type { Backend } from "../kernels/backend.ts";
import type { MergeRule } from "../kernels/selection.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { KVCache } from "../cache/cache.ts";
import type { Policy } from "../cache/policy.ts";
import type { EvictionRecord } from "../cache/record.ts";

/** One decode of an independent implementation (../shared/methods.md). */
export interface Golden {
  method: string;
  config: {
    budget: number;
    window: number;
    alpha: number;
    lam: number;
    merge: MergeRule | null;
    pool: number;
    redundancy: boolean;
    shift_gamma?: number;
  };
  interval: number;
  prompt: number;
  shape: {
    queryHeads: number;
    kvHeads: number;
    tokens: number;
    headDim: number;
  };
  q: number[];
  k: number[];
  v: number[];
  evictions: {
    tokens: number;
    positions: number[][];
    select: number[][];
    history: number[][] | null;
  }[];
  attention: number[];
}

/** How far a replay is from its golden file. */
export interface Deviation {
  /** Kept positions that differ, and evictions at another time. */
  positions: number;
  /** Positions kept by all evictions and heads. */
  kept: number;
  /** Largest errors, relative to the largest value of their vector. */
  select: number;
  history: number;
  attention: number;
}

/** Relative error that float32 code may show (methods.md). */
export const tolerance = 1e-4;

/**
 * Share of kept positions that may differ in a rounded cache (issues 3 and 4),
 * and how far its attention may be off: the rounding's own error, 2^-11 and
 * 1/254 of a vector's largest number, is in values, weights and their history.
 */
const rounded: Record<
  Exclude<CacheType, "f32">,
  { positions: number; attention: number }
> = {
  f16: { positions: 0.01, attention: 2e-3 },
  int8: { positions: 0.03, attention: 2e-2 },
};

/**
 * Whether a replay reproduces its golden file: every position exactly and
 * values to {@linkcode tolerance}, or nearly so in a rounded cache.
 */
export function matches(deviation: Deviation, type: CacheType): boolean {
  const { positions, kept, select, history, attention } = deviation;
  if (type === "f32") {
    return positions === 0 && Math.max(select, history, attention) <= tolerance;
  }
  // A token that was kept in the place of another is in the rest's attention.
  const exact = positions === 0;
  return positions <= rounded[type].positions * kept &&
    (!exact || attention <= rounded[type].attention);
}

/** Runs the decode of a golden file through a {@linkcode KVCache}. */
export async function replay(
  backend: Backend,
  golden: Golden,
  dtype: CacheType = "f32",
): Promise<Deviation> {
  const { shape, prompt } = golden;
  const cache = new KVCache(backend, {
    ...shape,
    dtype,
    layers: 1,
    budget: { tokens: golden.config.budget },
    policy: policyOf(golden),
    slots: prompt,
    record: true,
  });
  // tests/runtimes runs this in Node 20 too, which cannot parse `using`.
  try {
    return await decode(backend, cache, golden);
  } finally {
    cache.dispose();
  }
}

async function decode(
  backend: Backend,
  cache: KVCache,
  golden: Golden,
): Promise<Deviation> {
  const { shape, prompt } = golden;
  const attended = [await attend(backend, cache, golden, 0, prompt)];
  for (let token = prompt; token < shape.tokens; token++) {
    attended.push(await attend(backend, cache, golden, token, 1));
  }
  // Golden decodes end with an eviction, whenever the last one was.
  cache.evict();
  const records = await cache.evictions();
  const perToken = tokenMajor(golden.attention, shape.queryHeads, shape);
  return {
    ...compare(records, golden),
    attention: error(attended.flatMap((part) => [...part]), perToken),
  };
}

function policyOf({ method, config, interval }: Golden): Policy {
  const { window, alpha, lam, merge, pool, redundancy, shift_gamma } = config;
  return {
    name: method,
    score: "attention",
    window,
    interval,
    ...(merge && { history: { merge, decay: alpha } }),
    ...(pool && { pool }),
    ...(redundancy && { redundancy: { mix: lam } }),
    ...(shift_gamma && { shift: shift_gamma }),
  };
}

async function attend(
  backend: Backend,
  cache: KVCache,
  { shape, q, k, v }: Golden,
  from: number,
  n: number,
): Promise<Float32Array> {
  const { queryHeads, kvHeads, headDim } = shape;
  const tensors = [[q, queryHeads], [k, kvHeads], [v, kvHeads]] as const;
  const [query, key, value] = tensors.map(([data, heads]) => {
    const tensor = backend.tensor([n, heads, headDim]);
    const width = heads * headDim;
    const rows = tokenMajor(data, heads, shape);
    backend.write(tensor, rows.slice(from * width, (from + n) * width));
    return tensor;
  });
  const out = backend.tensor([n, queryHeads, headDim]);
  cache.append(0, key, value);
  cache.attend(0, query, out, n, from === 0 ? "promptEnd" : "decode");
  const result = await backend.read(out) as Float32Array;
  [query, key, value, out].forEach((tensor) => backend.free(tensor));
  return result;
}

/** From `[heads, tokens, headDim]` to `[tokens, heads, headDim]`. */
function tokenMajor(
  data: number[],
  heads: number,
  { tokens, headDim }: Golden["shape"],
): number[] {
  const rows: number[] = [];
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < heads; head++) {
      const start = (head * tokens + token) * headDim;
      rows.push(...data.slice(start, start + headDim));
    }
  }
  return rows;
}

function compare(
  records: EvictionRecord[],
  { evictions }: Golden,
): Omit<Deviation, "attention"> {
  const total = { positions: 0, kept: 0, select: 0, history: 0 };
  total.positions += Math.abs(records.length - evictions.length);
  evictions.slice(0, records.length).forEach((expected, e) => {
    const record = records[e];
    if (record.seen !== expected.tokens) total.positions++;
    expected.positions.forEach((row, head) => {
      total.positions += differences(record.positions[head], row);
      total.kept += row.length;
      const select = error(record.select[head], expected.select[head]);
      total.select = Math.max(total.select, select);
      if (!expected.history) return;
      const history = error(record.history[head], expected.history[head]);
      total.history = Math.max(total.history, history);
    });
  });
  return total;
}

function differences(actual: Int32Array, expected: number[]): number {
  const held = new Set(actual);
  const missing = expected.filter((position) => !held.has(position)).length;
  return missing + Math.abs(actual.length - expected.length);
}

/** Largest absolute error over the largest value; NaN where a number is. */
function error(actual: ArrayLike<number>, expected: number[]): number {
  if (actual.length !== expected.length) return Infinity;
  const scale = Math.max(...expected.map(Math.abs));
  const errors = expected.map((value, i) => Math.abs(actual[i] - value));
  return Math.max(...errors) / scale;
}
