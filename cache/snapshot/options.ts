import type { CacheShape } from "../layer.ts";
import type { KVCacheOptions } from "../options.ts";

/** Options of {@linkcode KVCache.save}. */
export interface SaveOptions {
  /**
   * What the keys and values come from, in at most 1,000 characters: a model's
   * name or checksum.
   */
  fingerprint?: string | undefined;
}

/**
 * Options of {@linkcode KVCache.restore}. Sizes, `dtype`, `policy` and
 * `fingerprint` that are given must be the snapshot's.
 */
export interface RestoreOptions
  extends
    Partial<CacheShape>,
    Pick<KVCacheOptions, "boundaryAt" | "record" | "dtype">,
    SaveOptions {
  /** Needed where the policy has a function, which no snapshot holds. */
  policy?: KVCacheOptions["policy"] | undefined;
  /**
   * Most bytes that the restored cache may take, since a snapshot can claim
   * more slots than it fills; 1 GiB by default.
   */
  maxBytes?: number | undefined;
}

/** Options of {@linkcode KVCache.fork} and {@linkcode KVCache.alike}. */
export type ForkOptions = Pick<KVCacheOptions, "boundaryAt" | "record">;
