import { cannotRestore } from "./error.ts";

/** What a snapshot starts with: as PNG's, so that a transfer as text shows. */
const MAGIC = [0x89, 0x47, 0x4b, 0x56, 0x0d, 0x0a, 0x1a, 0x0a];
/** The format of this library; one of a later version is refused. */
export const VERSION = 1;
/** Bytes before the header. */
const START = 24;
/** Bytes of a SHA-256. */
const DIGEST = 32;
/** Most bytes of a header. */
const HEADER_MOST = 2 ** 20;

/** What is in a snapshot, before anything of it was checked. */
export interface Envelope {
  /** Any JSON at all. */
  readonly header: unknown;
  /** What follows the header, in place. */
  readonly payload: Uint8Array;
}

/**
 * Puts a header and pieces of data into one array and seals it.
 *
 * @param pieces Their promises: that each was asked for has happened before.
 */
export async function seal(
  header: unknown,
  pieces: Promise<readonly Uint8Array[]>,
): Promise<Uint8Array> {
  const json = new TextEncoder().encode(JSON.stringify(header));
  if (json.length > HEADER_MOST) {
    throw new RangeError(
      `Cannot save a snapshot: its header has ${json.length} bytes, ` +
        `${HEADER_MOST} at most are needed`,
    );
  }
  const parts = [json, ...await pieces];
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const bytes = new Uint8Array(START + size + DIGEST);
  bytes.set(MAGIC);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, VERSION, true);
  view.setUint32(12, json.length, true);
  view.setBigUint64(16, BigInt(bytes.length), true);
  let at = START;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  bytes.set(await sha256(bytes.subarray(0, at)), at);
  return bytes;
}

/**
 * Takes a snapshot apart that is whole and unaltered.
 *
 * @throws {SnapshotError} for one that is not, or of a later version.
 */
export async function open(bytes: Uint8Array): Promise<Envelope> {
  const size = checkStart(bytes);
  const end = bytes.length - DIGEST;
  const digest = await sha256(bytes.subarray(0, end));
  if (!digest.every((byte, i) => byte === bytes[end + i])) {
    throw cannotRestore("its checksum is wrong, an unaltered one is needed");
  }
  return {
    header: parse(bytes.subarray(START, START + size)),
    payload: bytes.subarray(START + size, end),
  };
}

/** Checks all that comes before the header, and gives the header's size. */
function checkStart(bytes: Uint8Array): number {
  if (!MAGIC.every((byte, i) => i >= bytes.length || byte === bytes[i])) {
    throw cannotRestore("it does not begin as one, bytes of save are needed");
  }
  if (bytes.length < START) throw truncated(bytes, START + DIGEST);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const version = view.getUint32(8, true);
  if (version !== VERSION) {
    throw cannotRestore(
      `its version is ${version}, ${VERSION} is needed, the only one so far`,
    );
  }
  const total = view.getBigUint64(16, true);
  if (total !== BigInt(bytes.length)) throw truncated(bytes, total);
  const size = view.getUint32(12, true);
  const most = Math.min(HEADER_MOST, bytes.length - START - DIGEST);
  if (size <= most) return size;
  throw cannotRestore(
    `its header has ${size} bytes, ${most} at most are needed`,
  );
}

function truncated(bytes: Uint8Array, needed: number | bigint): Error {
  return cannotRestore(`it has ${bytes.length} bytes, ${needed} are needed`);
}

function parse(json: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(json));
  } catch {
    throw cannotRestore("its header is no JSON, an unaltered one is needed");
  }
}

async function sha256(bytes: Uint8Array): Promise<Uint8Array> {
  const digest = await crypto.subtle.digest("SHA-256", bytes as BufferSource);
  return new Uint8Array(digest);
}
