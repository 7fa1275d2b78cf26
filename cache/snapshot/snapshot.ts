/**
 * A cache as bytes, which any backend can go on from.
 *
 * Numbers are little-endian:
 *
 * | bytes | what |
 * |---|---|
 * | 8 | magic: `89 47 4b 56 0d 0a 1a 0a` |
 * | 4 | version: 1 |
 * | 4 | bytes of the header, 2^20 at most |
 * | 8 | bytes of the whole snapshot |
 * | … | header: JSON in UTF-8, see `header.ts` |
 * | … | payload |
 * | 32 | SHA-256 of all bytes before |
 *
 * The payload has, layer by layer, what is in use and nothing else: keys,
 * values, positions and what the policy needs of sums, history, tally and its
 * squares, each of all heads in the form of `Backend.save` (see `layout.ts`);
 * then the queries that will score. Keys and values keep their stored type, so
 * on the same backend all goes on bit for bit the same, and so it does on
 * another one as far as that one computes the same. Not in it: what evictions
 * recorded, and functions (a scorer, `boundaryAt`), which whoever restores
 * gives again.
 *
 * A checksum is no signature: bytes are trusted for nothing. Length, version
 * and checksum are checked first, then every field and number against its
 * bounds, and only then is memory allocated, never more than `maxBytes`.
 *
 * @module
 */
import type { Backend } from "../../kernels/backend.ts";
import { formFor } from "../layer.ts";
import { checkLayer } from "./contents.ts";
import { open, seal } from "./envelope.ts";
import { cannotRestore } from "./error.ts";
import { type Header, headerJson, parseHeader } from "./header.ts";
import { layerBytes } from "./layout.ts";
import type { RestoreOptions, SaveOptions } from "./options.ts";
import { type LayersOf, readLayers } from "./transfer.ts";

/** A snapshot all of which was checked. */
export interface Snapshot {
  readonly header: Header;
  readonly payload: Uint8Array;
}

/** Bytes of a cache as it is at the moment of the call. */
export function writeSnapshot(
  backend: Backend,
  header: Header,
  held: LayersOf,
  { fingerprint }: SaveOptions,
): Promise<Uint8Array> {
  return seal(headerJson(header, fingerprint), readLayers(backend, held));
}

/**
 * Checks a snapshot.
 *
 * @throws {SnapshotError} for one that cannot be restored.
 */
export async function readSnapshot(
  bytes: Uint8Array,
  options: RestoreOptions,
): Promise<Snapshot> {
  const { header: json, payload } = await open(bytes);
  const header = parseHeader(json, options);
  const form = formFor(header.policy, header.dtype);
  const sizes = header.layers.map((layer) =>
    layerBytes(header.shape, form, layer)
  );
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (needed !== payload.length) {
    throw cannotRestore(
      `its numbers have ${payload.length} bytes, ${needed} are needed`,
    );
  }
  let at = 0;
  header.layers.forEach((layer, i) => {
    checkLayer(payload.subarray(at, at += sizes[i]), layer, header, form);
  });
  return { header, payload };
}
