import { assertEquals, assertRejects } from "@std/assert";
import { KVCache } from "../../../cache/cache.ts";
import type { KVCacheOptions } from "../../../cache/options.ts";
import { gkv } from "../../../cache/policies/mod.ts";
import { SnapshotError } from "../../../cache/snapshot/error.ts";
import type { RestoreOptions } from "../../../cache/snapshot/options.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { openBackend } from "../../../kernels/open.ts";
import { feed } from "../feed.ts";

/** Of a small cache. */
export const shape = { layers: 2, queryHeads: 4, kvHeads: 2, headDim: 8 };

/** A cache that evicts soon. */
export function small(
  backend: Backend,
  options: Partial<KVCacheOptions> = {},
): KVCache {
  return new KVCache(backend, {
    ...shape,
    dtype: "f32",
    budget: { tokens: 12 },
    policy: gkv({ window: 3, interval: 5 }),
    ...options,
  });
}

/** A small snapshot of everything that one can have. */
export async function snapshot(
  options: Partial<KVCacheOptions> = {},
): Promise<Uint8Array> {
  using backend = await openBackend({ backend: "wasm" });
  using cache = small(backend, options);
  for (const n of [17, 1, 1, 1, 1]) await feed(backend, cache, n);
  return await cache.save({ fingerprint: "a model" });
}

/** Expects bytes to be refused, and nothing to be allocated for them. */
export async function refuses(
  bytes: Uint8Array,
  options: RestoreOptions,
  message: string,
): Promise<void> {
  using backend = await openBackend({ backend: "wasm" });
  const { used, reserved } = backend.memory();
  await assertRejects(
    () => KVCache.restore(backend, bytes, options),
    SnapshotError,
    message,
  );
  assertEquals(backend.memory().used, used);
  assertEquals(backend.memory().reserved, reserved);
}

/** A snapshot whose header says something else, with the right checksum. */
export async function forged(
  bytes: Uint8Array,
  fields: Record<string, unknown>,
): Promise<Uint8Array> {
  const [header, payload] = opened(bytes);
  return await sealed(JSON.stringify({ ...header, ...fields }), payload);
}

/** Header and payload, nothing of which is checked. */
export function opened(
  bytes: Uint8Array,
): [Record<string, unknown>, Uint8Array] {
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(12, true);
  const json = new TextDecoder().decode(bytes.subarray(24, 24 + size));
  return [JSON.parse(json), bytes.slice(24 + size, -32)];
}

/** What somebody can make who knows the format. */
export async function sealed(
  header: string,
  payload: Uint8Array,
): Promise<Uint8Array> {
  const json = new TextEncoder().encode(header);
  const bytes = new Uint8Array(24 + json.length + payload.length + 32);
  bytes.set([0x89, 0x47, 0x4b, 0x56, 0x0d, 0x0a, 0x1a, 0x0a, 1]);
  const view = new DataView(bytes.buffer);
  view.setUint32(12, json.length, true);
  view.setBigUint64(16, BigInt(bytes.length), true);
  bytes.set(json, 24);
  bytes.set(payload, 24 + json.length);
  const digest = await crypto.subtle.digest("SHA-256", bytes.subarray(0, -32));
  bytes.set(new Uint8Array(digest), bytes.length - 32);
  return bytes;
}
