import { PAGE, seeded } from "./mixed_text.ts";

/** Metadata of a GGUF file that has nothing else. */
export type Metadata = Record<string, string | boolean | number | Values>;

type Values = { strings: string[] } | { floats: number[] } | {
  integers: number[];
};

// Value types of GGUF (docs/gguf.md of ggml).
const INT32 = 5;
const UINT32 = 4;
const FLOAT32 = 6;
const BOOL = 7;
const STRING = 8;
const ARRAY = 9;

/** A GGUF file without tensors, which llama.cpp loads as a vocabulary only. */
export function vocabularyFile(metadata: Metadata): Uint8Array {
  const fields = Object.entries({
    "general.architecture": "llama",
    ...metadata,
  });
  return join([
    new TextEncoder().encode("GGUF"),
    uint32(3),
    uint64(0),
    uint64(fields.length),
    ...fields.flatMap(([key, value]) => [string(key), field(value)]),
  ]);
}

/** Metadata as `@huggingface/gguf` parses it from {@linkcode vocabularyFile}. */
export function parsed(metadata: Metadata): Record<string, unknown> {
  const plain = (value: Metadata[string]) =>
    typeof value === "object" ? Object.values(value)[0] : value;
  return Object.fromEntries(
    Object.entries(metadata).map(([key, value]) => [key, plain(value)]),
  );
}

/**
 * Joins neighbours of the page at random, also across spaces, so that a text
 * cut at another place gives other tokens.
 *
 * @param symbols The page in the alphabet of a tokenizer.
 * @returns Pairs in the order in which they were joined.
 */
export function randomMerges(
  symbols: string[],
  count: number,
): [string, string][] {
  const below = seeded(count);
  const merges: [string, string][] = [];
  const known = new Set(symbols);
  for (let i = 0; i < 20 * count && merges.length < count; i++) {
    const at = below(symbols.length - 1);
    const [left, right] = symbols.slice(at, at + 2);
    if (left.length + right.length > 9 || known.has(left + right)) continue;
    known.add(left + right);
    merges.push([left, right]);
    symbols = joined(symbols, left, right);
  }
  return merges;
}

function joined(symbols: string[], left: string, right: string): string[] {
  const result: string[] = [];
  for (let i = 0; i < symbols.length; i++) {
    const pair = symbols[i] === left && symbols[i + 1] === right;
    result.push(pair ? left + right : symbols[i]);
    if (pair) i++;
  }
  return result;
}

const CONTROL_TOKENS = ["<|begin|>", "<|im_end|>", "<|im_start|>"];

/**
 * A byte-level BPE vocabulary with random merges and a word that they do not
 * lead to: some schemes take it whole.
 */
export function byteLevelMetadata(pre: string): Metadata {
  const alphabet = byteAlphabet();
  const page = [...new TextEncoder().encode(PAGE)].map((byte) =>
    alphabet[byte]
  );
  const merges = randomMerges(page, 1500);
  const joins = merges.map((pair) => pair.join(""));
  const text = [...alphabet, ...joins, "Ġunmergeable"];
  const tokens = [...CONTROL_TOKENS, "<think>", ...text];
  const types = [3, 3, 3, 4, ...text.map(() => 1)];
  return {
    "tokenizer.ggml.model": "gpt2",
    "tokenizer.ggml.pre": pre,
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": { integers: types },
    "tokenizer.ggml.merges": { strings: merges.map((pair) => pair.join(" ")) },
    "tokenizer.ggml.bos_token_id": 0,
    "tokenizer.ggml.eos_token_id": 1,
  };
}

/** A SentencePiece vocabulary with random merges and every run of spaces. */
export function sentencePieceMetadata(prefix: boolean): Metadata {
  const page = [...PAGE.replaceAll(" ", "▁")].filter((char) => char < "\u2600");
  const runs = Array.from({ length: 15 }, (_, i) => "▁".repeat(i + 2));
  const merged = randomMerges(page, 1500).map((pair) => pair.join(""));
  const text = [
    ...new Set([...merged.slice(0, 200), ...runs, ...merged, ...page]),
  ];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${hex(byte)}>`);
  const tokens = ["<unk>", "<s>", "</s>", ...bytes, ...text];
  const types = [2, 3, 3, ...bytes.map(() => 6), ...text.map(() => 1)];
  return {
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.tokens": { strings: tokens },
    "tokenizer.ggml.token_type": { integers: types },
    "tokenizer.ggml.scores": {
      floats: tokens.map((_, i) => Math.min(0, 259 - i)),
    },
    "tokenizer.ggml.add_space_prefix": prefix,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
  };
}

const hex = (byte: number) => byte.toString(16).toUpperCase().padStart(2, "0");

/** GPT-2's printable character for each byte. */
function byteAlphabet(): string[] {
  let shifted = 256;
  return Array.from({ length: 256 }, (_, byte) => {
    const printable = (byte > 32 && byte < 127) || (byte > 160 && byte !== 173);
    return String.fromCharCode(printable ? byte : shifted++);
  });
}

function field(value: Metadata[string]): Uint8Array {
  if (typeof value === "string") return join([uint32(STRING), string(value)]);
  if (typeof value === "boolean") {
    return join([uint32(BOOL), Uint8Array.of(+value)]);
  }
  if (typeof value === "number") return join([uint32(UINT32), uint32(value)]);
  if ("strings" in value) return array(STRING, value.strings.map(string));
  if ("floats" in value) return array(FLOAT32, value.floats.map(float32));
  return array(INT32, value.integers.map(uint32));
}

function array(type: number, items: Uint8Array[]): Uint8Array {
  return join([uint32(ARRAY), uint32(type), uint64(items.length), ...items]);
}

function string(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return join([uint64(bytes.length), bytes]);
}

function uint32(value: number): Uint8Array {
  return new Uint8Array(Uint32Array.of(value).buffer);
}

function uint64(value: number): Uint8Array {
  return new Uint8Array(BigUint64Array.of(BigInt(value)).buffer);
}

function float32(value: number): Uint8Array {
  return new Uint8Array(Float32Array.of(value).buffer);
}

function join(parts: Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(
    parts.reduce((sum, part) => sum + part.length, 0),
  );
  let offset = 0;
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}
