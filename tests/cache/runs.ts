import fc from "fast-check";
import { KVCache } from "../../cache/cache.ts";
import { methods } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { CacheType } from "../../kernels/tensors.ts";
import { boundaryAt } from "./feed.ts";

/** A cache and what goes through it, by chance. */
export interface Run {
  shape: { layers: number; kvHeads: number; group: number; headDim: number };
  method: string;
  dtype: CacheType;
  window: number;
  interval: number;
  /** Of the budget, beyond the least that works. */
  spare: number;
  protectPrompt: boolean;
  newline: boolean;
  blocks: number | undefined;
  reposition: boolean;
  /** Prompts and how much is generated after each. */
  turns: { prompt: number; generated: number }[];
}

const types: CacheType[] = ["f32", "f16", "int8"];

const shapes = fc.record({
  layers: fc.integer({ min: 1, max: 2 }),
  kvHeads: fc.integer({ min: 1, max: 3 }),
  group: fc.integer({ min: 1, max: 3 }),
  headDim: fc.constantFrom(4, 12, 16, 32),
});

/** What a cache is made for and what goes through it. */
export const runs: fc.Arbitrary<Run> = fc.record({
  shape: shapes,
  method: fc.constantFrom(...Object.keys(methods)),
  dtype: fc.constantFrom(...types),
  window: fc.integer({ min: 1, max: 9 }),
  interval: fc.integer({ min: 1, max: 20 }),
  spare: fc.integer({ min: 0, max: 30 }),
  protectPrompt: fc.boolean(),
  newline: fc.boolean(),
  blocks: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
  reposition: fc.boolean(),
  turns: fc.array(
    fc.record({
      prompt: fc.integer({ min: 0, max: 90 }),
      generated: fc.integer({ min: 0, max: 30 }),
    }),
    { minLength: 1, maxLength: 3 },
  ),
});

/** Tokens of the whole text. */
export function lengthOf({ turns }: Run): number {
  return turns.reduce((sum, t) => sum + t.prompt + t.generated, 0);
}

/** The method of a run, with its window and interval. */
export function policyOf(run: Run): Policy {
  const policy = methods[run.method].policy();
  if (policy.score === "none") return policy;
  return {
    ...policy,
    window: run.window,
    interval: run.interval,
    ...(run.newline && { at: "newline" }),
    ...(run.blocks && { quota: { blocks: run.blocks, share: 0.5 } }),
  };
}

/** A cache for a run. */
export function cacheOf(backend: Backend, run: Run): KVCache {
  const { group, ...shape } = run.shape;
  const policy = policyOf(run);
  const least = policy.window + Math.max(1, policy.sinks ?? 0);
  return new KVCache(backend, {
    ...shape,
    queryHeads: group * shape.kvHeads,
    budget: {
      tokens: policy.score === "none" ? lengthOf(run) + 2 : least + run.spare,
    },
    policy,
    dtype: run.dtype,
    protectPrompt: run.protectPrompt,
    boundaryAt,
    reposition: run.reposition
      ? {
        frequencies: new Float32Array(shape.headDim / 2).fill(0.1),
        pairing: "halves",
      }
      : undefined,
  });
}
