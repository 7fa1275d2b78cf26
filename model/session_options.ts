import type { KVCacheOptions } from "../cache/options.ts";
import type { JoinOptions, KVPool, WaitOptions } from "../cache/pool.ts";
import type { RestoreOptions } from "../cache/snapshot/options.ts";

/**
 * Options of a {@linkcode Session}: those of its cache. In a pool, budget and
 * type are the pool's.
 */
export type SessionOptions =
  & Partial<Pick<KVCacheOptions, "budget" | "contextLength">>
  & Pick<
    KVCacheOptions,
    "policy" | "protectPrompt" | "protectShare" | "slots" | "record" | "dtype"
  >
  & {
    /**
     * Keep rotary positions within the cache's length, for texts beyond what
     * the model was trained for (arXiv 2309.17453).
     */
    reposition?: boolean;
    /** Share this pool's memory with its other sequences. */
    pool?: KVPool | undefined;
  }
  & Pick<JoinOptions, "weight" | "least">;

/** Options of a session that waits until its pool has room. */
export type WaitingSessionOptions =
  & SessionOptions
  & { pool: KVPool }
  & Pick<WaitOptions, "admit" | "signal">;

/** Options of {@linkcode Model.restoreSession}. */
export type RestoreSessionOptions = Pick<
  RestoreOptions,
  "policy" | "record" | "maxBytes"
>;
