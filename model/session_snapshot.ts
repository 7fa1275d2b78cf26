/**
 * A session as bytes: the envelope of a cache's snapshot (see
 * `cache/snapshot/snapshot.ts`), with a header that has the model's
 * fingerprint, and in the payload, little-endian: the tokens of the text, `i32`
 * each; the steps that computed them, from which the text is computed again
 * after the loss of a device, three `i32` each: phase (0 prompt, 1 its end, 2
 * decode), tokens and times; and the cache's own snapshot.
 *
 * @module
 */
import { open, seal } from "../cache/snapshot/envelope.ts";
import { cannotRestore } from "../cache/snapshot/error.ts";
import { Fields } from "../cache/snapshot/fields.ts";
import { checkFingerprint } from "../cache/snapshot/header.ts";
import type { Phase } from "../cache/options.ts";
import { CHUNK_TOKENS } from "./decoder.ts";

/** Calls of the decoder with as many tokens each. */
export interface Step {
  phase: Phase;
  tokens: number;
  times: number;
}

/** What a session holds beside its cache. */
export interface SavedText {
  /** All tokens. */
  readonly tokens: readonly number[];
  /** How those in the cache were computed. */
  readonly steps: readonly Readonly<Step>[];
  /** Whether a warning of its length was given. */
  readonly hasWarned: boolean;
}

/** A session's snapshot, taken apart. */
export interface SavedSession extends SavedText {
  /** Snapshot of the cache. */
  readonly cache: Uint8Array;
  /** Tokens that the steps computed: those that the cache must have seen. */
  readonly seen: number;
}

const phases: readonly Phase[] = ["prompt", "promptEnd", "decode"];
const WORD = Int32Array.BYTES_PER_ELEMENT;

/** Bytes of a session as it is at the moment of the call. */
export async function writeSession(
  fingerprint: Promise<string>,
  { tokens, steps, hasWarned }: SavedText,
  cache: Promise<Uint8Array>,
): Promise<Uint8Array> {
  const words = Int32Array.from([
    ...tokens,
    ...steps.flatMap(({ phase, tokens, times }) => [
      phases.indexOf(phase),
      tokens,
      times,
    ]),
  ]);
  const header = {
    kind: "session",
    tokens: tokens.length,
    steps: steps.length,
    hasWarned,
  };
  const [model, bytes] = await Promise.all([fingerprint, cache]);
  const pieces = [new Uint8Array(words.buffer), bytes];
  return await seal({ ...header, fingerprint: model }, Promise.resolve(pieces));
}

/**
 * Checks all of a session's snapshot but for its cache.
 *
 * @param vocabulary What token ids are below.
 * @throws {SnapshotError} for one that cannot be restored.
 */
export async function readSession(
  bytes: Uint8Array,
  fingerprint: string,
  vocabulary: number,
): Promise<SavedSession> {
  const { header, payload } = await open(bytes);
  const fields = new Fields(header);
  fields.oneOf("kind", ["session"]);
  checkFingerprint(fields, { fingerprint });
  const most = Math.floor(payload.length / WORD);
  const tokens = fields.count("tokens", 0, most);
  const steps = fields.count("steps", 0, Math.floor((most - tokens) / 3));
  const end = (tokens + 3 * steps) * WORD;
  const words = [...new Int32Array(payload.slice(0, end).buffer)];
  const text = words.slice(0, tokens);
  if (text.some((id) => id < 0 || id >= vocabulary)) {
    throw cannotRestore(
      `its tokens are not ids, 0 to ${vocabulary - 1} are needed`,
    );
  }
  const done = stepsIn(words.slice(tokens));
  const seen = done.reduce((sum, { tokens, times }) => sum + tokens * times, 0);
  return {
    tokens: text,
    steps: done,
    hasWarned: fields.flag("hasWarned"),
    cache: payload.subarray(end),
    seen: checkSeen(seen, tokens),
  };
}

function stepsIn(words: readonly number[]): Step[] {
  return Array.from({ length: words.length / 3 }, (_, i) => {
    const [phase, tokens, times] = words.slice(3 * i, 3 * i + 3);
    if (phases[phase] && tokens > 0 && tokens <= CHUNK_TOKENS && times > 0) {
      return { phase: phases[phase], tokens, times };
    }
    throw cannotRestore(
      `its step ${i} is of phase ${phase}, ${tokens} tokens, ${times} times, ` +
        `1 to ${CHUNK_TOKENS} tokens of a phase 0 to 2 are needed`,
    );
  });
}

function checkSeen(seen: number, tokens: number): number {
  if (seen <= tokens) return seen;
  throw cannotRestore(
    `its steps are of ${seen} tokens, ${tokens} at most are needed`,
  );
}
