/**
 * Thrown for bytes that are not a snapshot that can be restored: truncated,
 * corrupt, of a later version, of another model, or of a cache that was made
 * otherwise. Nothing was changed then.
 *
 * @example
 * ```ts
 * import { KVCache, openBackend, SnapshotError } from "@gkv/gkv";
 * import { assertRejects } from "@std/assert";
 *
 * using backend = await openBackend();
 * const bytes = new Uint8Array(100);
 * await assertRejects(() => KVCache.restore(backend, bytes), SnapshotError);
 * ```
 */
export class SnapshotError extends Error {
  /** By which it is known across realms. */
  override name = "SnapshotError";
}

/** The error of a snapshot, of which the message tells the rest. */
export function cannotRestore(why: string): SnapshotError {
  return new SnapshotError(`Cannot restore the snapshot: ${why}`);
}
