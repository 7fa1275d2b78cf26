import { Allocations } from "../kernels/allocations.ts";
import type { Backend } from "../kernels/backend.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { resolveBudget } from "./budget.ts";
import { protectMost } from "./checks.ts";
import { allocateScratch, Eviction } from "./eviction.ts";
import {
  allocateGroups,
  formFor,
  headsPerGroup,
  type Layer,
  newLayer,
  slotBytes,
} from "./layer.ts";
import type { KVCacheOptions } from "./options.ts";
import type { Policy } from "./policy.ts";

/** How much a cache may hold now, in tokens of a head; a pool changes it. */
export interface CacheLimits {
  /** What an eviction leaves. */
  tokens: number;
  /** What a head can hold. */
  slots: number;
  /** Most tokens of the first prompt that are protected. */
  protectMost: number;
}

/** Where a cache's tokens are and what evicts them. */
export interface CacheHome {
  /** One for each layer of the model. */
  readonly layers: readonly Layer[];
  /** Serves all layers. */
  readonly eviction: Eviction;
  /** How much it may hold now. */
  readonly limits: CacheLimits;
  /** Bytes of one slot in all layers and heads. */
  readonly slotBytes: number;
  /** What is given back when the cache is disposed of. */
  readonly memory: Disposable;
}

/** Options whose policy and type are settled. */
export type SettledOptions = KVCacheOptions & {
  policy: Policy;
  dtype: CacheType;
};

/**
 * Memory of a cache's own: as many slots as its budget has.
 *
 * @param known What the budget comes to, where that is known.
 * @throws {RangeError} when the budget is too small or memory runs out.
 */
export function ownHome(
  backend: Backend,
  options: SettledOptions,
  known?: CacheLimits,
): CacheHome {
  const { policy, dtype } = options;
  const form = formFor(policy, dtype);
  const bytes = slotBytes(options, form) * options.layers;
  const limits = known ? { ...known } : limitsOf(options, bytes);
  const { slots } = limits;
  const most = backend.maxTensorBytes;
  const heads = headsPerGroup(options, slots, dtype, most);
  const memory = new Allocations(backend);
  return memory.attempt(() => {
    const layers = Array.from(
      { length: options.layers },
      (_, layer) => {
        const groups = allocateGroups(
          memory,
          ...[options, slots, heads, policy, form] as const,
        );
        return newLayer(memory, layer, options, form, groups);
      },
    );
    const scratch = allocateScratch(memory, heads, slots);
    const eviction = new Eviction(backend, memory, policy, scratch, options);
    return { layers, eviction, limits, slotBytes: bytes, memory };
  });
}

function limitsOf(options: SettledOptions, slotBytes: number): CacheLimits {
  const { policy, budget, contextLength, protectPrompt } = options;
  const resolved = resolveBudget(budget, { policy, slotBytes, contextLength });
  const { tokens } = resolved;
  return {
    tokens,
    slots: Math.max(resolved.slots, options.slots ?? 0),
    protectMost: protectPrompt
      ? protectMost(tokens, policy.window, options.protectShare)
      : 0,
  };
}
