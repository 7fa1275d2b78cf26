import { ModelFormatError } from "../checkpoint/error.ts";

/** One step of a `decoder` of `tokenizer.json`. */
interface Decoder {
  type: string;
  decoders?: Decoder[];
  content?: string;
  start?: number;
  prepend_scheme?: string;
  add_prefix_space?: boolean;
}

/** How the tokens of a vocabulary are written. */
export interface TokenAlphabet {
  /** The exact bytes that a token of ordinary text stands for. */
  bytes(token: string): Uint8Array;
  /** Whether encoding put a space before the text that is none of its own. */
  prefixSpace: boolean;
}

const utf8 = new TextEncoder();
const BYTE_TOKEN = /^<0x([0-9A-F]{2})>$/i;

/**
 * Reads from a tokenizer's decoder how its tokens are written.
 *
 * @throws {ModelFormatError} For a decoder that is neither byte-level nor
 *   SentencePiece's.
 */
export function tokenAlphabet(decoder: unknown): TokenAlphabet {
  const steps = flatten(decoder as Decoder | null);
  const types = steps.map(({ type }) => type);
  if (types.includes("ByteLevel")) {
    return { bytes: byteLevelBytes, prefixSpace: false };
  }
  if (types.includes("ByteFallback") || types.includes("Metaspace")) {
    const prefixSpace = steps.some(stripsSpace);
    return { bytes: sentencePieceBytes, prefixSpace };
  }
  throw new ModelFormatError(
    `Cannot read tokenizer.json: its decoder is ${
      types.join(", ") || "missing"
    }, ` +
      "ByteLevel, ByteFallback or Metaspace is needed",
  );
}

function flatten(decoder: Decoder | null | undefined): Decoder[] {
  if (!decoder) return [];
  return [decoder, ...(decoder.decoders ?? []).flatMap(flatten)];
}

function stripsSpace(step: Decoder): boolean {
  if (step.type === "Strip") return step.content === " " && step.start === 1;
  return step.type === "Metaspace" && step.prepend_scheme !== "never" &&
    step.add_prefix_space !== false;
}

/** Inverse of GPT-2's `bytes_to_unicode`: a printable character per byte. */
const BYTE_OF: ReadonlyMap<string, number> = byteAlphabet();

function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  let shifted = 256;
  for (let byte = 0; byte < 256; byte++) {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    alphabet.set(String.fromCharCode(printable ? byte : shifted++), byte);
  }
  return alphabet;
}

function byteLevelBytes(token: string): Uint8Array {
  return Uint8Array.from([...token].flatMap((char) => {
    const byte = BYTE_OF.get(char);
    return byte === undefined ? [...utf8.encode(char)] : [byte];
  }));
}

function sentencePieceBytes(token: string): Uint8Array {
  const byte = BYTE_TOKEN.exec(token);
  if (byte) return Uint8Array.of(parseInt(byte[1], 16));
  return utf8.encode(token.replaceAll("▁", " "));
}
