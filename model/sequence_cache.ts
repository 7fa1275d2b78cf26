import { KVCache } from "../cache/cache.ts";
import type { KVCacheOptions, RotaryEmbedding } from "../cache/options.ts";
import type { JoinOptions, KVPool } from "../cache/pool.ts";
import type { RotaryConfig } from "./checkpoint/checkpoint.ts";
import type { EngineHost } from "./engine_host.ts";
import { RotaryAngles } from "./rotary.ts";
import type { SessionOptions } from "./session_options.ts";
import { BoundaryTable } from "./tokenizer/boundary_table.ts";

/** Tokens that a text may have more of than a cache when none is said. */
const DEFAULT_BUDGET = { tokens: 1024 };

/**
 * The cache of a new text, in its pool or on its own.
 *
 * @param tokens The text, as it grows.
 * @param settle Takes back what was computed ahead.
 */
export function newCache(
  host: EngineHost,
  options: SessionOptions,
  tokens: readonly number[],
  settle: () => void,
): KVCache {
  const { pool, weight, least, reposition, ...own } = options;
  if (pool) {
    return pool.join(joinOptions(host, pool, options, tokens, settle));
  }
  if (weight !== undefined || least !== undefined) {
    throw new TypeError(
      "Cannot make a session with a weight or a least: they are those of a " +
        "share, a pool is needed",
    );
  }
  const { layers, queryHeads, kvHeads, headDim, contextLength } = host.config;
  return new KVCache(host.engine.backend, {
    budget: DEFAULT_BUDGET,
    contextLength,
    ...own,
    layers,
    queryHeads,
    kvHeads,
    headDim,
    ...boundariesOf(host, tokens),
    ...rotaryOf(host, reposition),
  });
}

/** What a text asks of a pool. */
export function joinOptions(
  host: EngineHost,
  pool: KVPool,
  options: SessionOptions,
  tokens: readonly number[],
  settle: () => void,
): JoinOptions {
  checkPool(host, pool, options);
  const { policy = pool.policy, record = false, weight = 1 } = options;
  const { protectPrompt = false, protectShare, least } = options;
  return {
    policy,
    record,
    weight,
    protectPrompt,
    settle,
    ...(protectShare !== undefined && { protectShare }),
    ...(least !== undefined && { least }),
    ...boundariesOf(host, tokens),
    ...rotaryOf(host, options.reposition),
  };
}

/** Refuses a pool that is of another model or place, and options that are its own. */
function checkPool(
  { config, engine }: EngineHost,
  pool: KVPool,
  options: SessionOptions,
): void {
  const own = (["budget", "dtype", "slots", "contextLength"] as const).find(
    (option) => options[option] !== undefined,
  );
  const sizes = ["layers", "queryHeads", "kvHeads", "headDim"] as const;
  const isAlike = sizes.every((size) => pool.shape[size] === config[size]);
  if (!own && isAlike && pool.backend === engine.backend) return;
  throw new TypeError(
    "Cannot make a session in the pool: " +
      (own
        ? `its ${own} is the pool's, a session without is needed`
        : "it is of another model or backend, one that the model made is " +
          "needed"),
  );
}

function rotaryOf(
  { config: { rotary, headDim } }: EngineHost,
  isWanted = false,
): Pick<KVCacheOptions, "reposition"> {
  return isWanted ? { reposition: rotaryEmbedding(rotary, headDim) } : {};
}

/** What a text has where, which only a tokenizer can tell. */
export function boundariesOf(
  { tokenizer }: EngineHost,
  tokens: readonly number[],
): Pick<KVCacheOptions, "boundaryAt"> {
  if (!tokenizer) return {};
  const table = new BoundaryTable(tokenizer);
  return { boundaryAt: (position) => table.of(tokens[position]) };
}

function rotaryEmbedding(
  rotary: RotaryConfig,
  headDim: number,
): RotaryEmbedding {
  const { frequencies } = new RotaryAngles(rotary, headDim);
  return { frequencies, pairing: rotary.pairing };
}
