import type { Tensor } from "../kernels/tensors.ts";
import type { CacheShape, Layer } from "./layer.ts";
import type { KVCacheOptions } from "./options.ts";
import { checkPolicy, needsBoundaries, type Policy } from "./policy.ts";

/** Prompt tokens that may be protected: a share, and never the whole budget. */
export function protectMost(
  tokens: number,
  window: number,
  share = 0.5,
): number {
  if (!(share >= 0 && share <= 1)) {
    throw new RangeError(
      `Cannot protect a share of ${share}: a number from 0 to 1 is needed`,
    );
  }
  return Math.min(Math.floor(tokens * share), tokens - window);
}

/** Refuses options that make no sense whatever the budget. */
export function checkOptions(
  options: Omit<KVCacheOptions, "budget"> & { policy: Policy },
): void {
  checkPolicy(options.policy);
  checkShape(options);
  checkBoundaries(options.policy, options.boundaryAt);
  checkReposition(options);
}

/** Refuses sizes that no cache can have. */
function checkShape(shape: CacheShape): void {
  for (const size of ["layers", "queryHeads", "kvHeads", "headDim"] as const) {
    if (Number.isInteger(shape[size]) && shape[size] > 0) continue;
    throw new RangeError(
      `Cannot make a cache with ${size} ${shape[size]}: a whole number from ` +
        `1 on is needed`,
    );
  }
  if (shape.headDim % 4 || shape.queryHeads % shape.kvHeads) {
    throw new RangeError(
      `Cannot make a cache with headDim ${shape.headDim}, queryHeads ` +
        `${shape.queryHeads} and kvHeads ${shape.kvHeads}: headDim must be a ` +
        `multiple of 4, queryHeads one of kvHeads`,
    );
  }
}

/** Refuses a policy that must know what it is not told. */
function checkBoundaries(
  policy: Policy,
  boundaryAt: KVCacheOptions["boundaryAt"],
): void {
  if (boundaryAt || !needsBoundaries(policy)) return;
  throw new TypeError(
    `Cannot make a cache with policy ${policy.name}: it asks for separators or ` +
      `newlines of the text, boundaryAt is needed`,
  );
}

/** Refuses a rotary embedding of another size. */
function checkReposition(
  { headDim, reposition }: Pick<KVCacheOptions, "headDim" | "reposition">,
): void {
  const found = reposition?.frequencies.length ?? headDim / 2;
  if (found === headDim / 2) return;
  throw new TypeError(
    `Cannot reposition with ${found} frequencies: headDim is ${headDim}, ` +
      `${headDim / 2} are needed`,
  );
}

/** Refuses a layer that there is not. */
export function checkLayer(index: number, layers: readonly Layer[]): void {
  if (layers[index]) return;
  throw new RangeError(
    `Cannot use layer ${index}: the cache has layers 0 to ${layers.length - 1}`,
  );
}

/** Refuses a KV head that there is not. */
export function checkHead(head: number, { kvHeads }: CacheShape): void {
  if (head >= 0 && head < kvHeads) return;
  throw new RangeError(
    `Cannot give the positions of KV head ${head}: there are ${kvHeads}`,
  );
}

/** Refuses a tensor that is not `[n or more, heads, headDim]`. */
function checkHeads(
  action: string,
  tensor: Tensor,
  n: number,
  heads: number,
  headDim: number,
): void {
  const { shape } = tensor;
  if (
    Number.isInteger(n) && n >= 1 && n <= shape[0] && shape.length === 3 &&
    shape[1] === heads && shape[2] === headDim
  ) return;
  throw new TypeError(
    `Cannot ${action}: its shape is [${shape}] for ${n} tokens, ` +
      `[${n} or more, ${heads}, ${headDim}] is needed`,
  );
}

/** Refuses keys and values of another shape. */
export function checkAppended(
  k: Tensor,
  v: Tensor,
  n: number,
  { kvHeads, headDim }: CacheShape,
): void {
  checkHeads("append k", k, n, kvHeads, headDim);
  checkHeads("append v", v, n, kvHeads, headDim);
}

/** Refuses queries and a result of another shape. */
export function checkAttending(
  q: Tensor,
  out: Tensor,
  n: number,
  { queryHeads, headDim }: CacheShape,
): void {
  checkHeads("attend with q", q, n, queryHeads, headDim);
  checkHeads("attend into out", out, n, queryHeads, headDim);
}

/** Refuses other queries than those of the tokens just appended. */
export function checkPending(layer: number, n: number, pending: number): void {
  if (n === pending) return;
  throw new TypeError(
    `Cannot attend with ${n} queries in layer ${layer}: ${pending} tokens ` +
      `were appended for it, as many are needed`,
  );
}

/** Refuses what is amid a step: attention or layers are still to come. */
export function checkSettled(
  action: string,
  layers: readonly Pick<Layer, "pending" | "seen">[],
): void {
  const layer = layers.findIndex(({ pending }) => pending > 0);
  if (layer < 0) return checkSeen(action, layers);
  throw new TypeError(
    `Cannot ${action} the cache: ${layers[layer].pending} tokens of layer ` +
      `${layer} were appended and not attended to, attend is needed`,
  );
}

/** Refuses layers of which not all have had the last tokens. */
function checkSeen(
  action: string,
  layers: readonly Pick<Layer, "seen">[],
): void {
  const [first, last] = [layers[0].seen, layers.at(-1)!.seen];
  if (first === last) return;
  throw new TypeError(
    `Cannot ${action} the cache: its first layer has seen ${first} tokens, the ` +
      `last ${last}, the rest of the step or a reset is needed`,
  );
}

/** The error of `n` tokens that do not fit beside those cached. */
export function noRoom(
  policy: Policy,
  layer: number,
  n: number,
  cached: number,
  slots: number,
): RangeError {
  const remedy = policy.score === "none"
    ? `the policy never evicts, a budget of ${cached + n} tokens is needed`
    : `chunks of at most ${slots - cached} are needed`;
  return new RangeError(
    `Cannot append ${n} tokens to layer ${layer}: ${cached} of ${slots} ` +
      `slots are in use, ${remedy}`,
  );
}
