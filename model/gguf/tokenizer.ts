import type { TokenizerFiles } from "../checkpoint/checkpoint.ts";
import { isEndName } from "../tokenizer/end_tokens.ts";
import { BPE_STYLES, type BpeStyle } from "../tokenizer/pre_tokenizer.ts";
import { spmMerges } from "./spm_merges.ts";
import { TokenizerFields } from "./tokenizer_fields.ts";

// Values of tokenizer.ggml.token_type (docs/gguf.md of ggml).
const NORMAL = 1;
const UNKNOWN = 2;
const CONTROL = 3;
const USER_DEFINED = 4;
const UNUSED = 5;

interface Vocabulary {
  tokens: string[];
  types: number[];
}

/** The parts of a tokenizer in which one model of GGUF differs from another. */
interface TokenizerModel {
  /** `normalizer`, `pre_tokenizer`, `decoder` and `model` of tokenizer.json. */
  parts: Record<string, unknown>;
  addBos: boolean;
  /** Ids to assume where the file names none. */
  bos?: number;
  eos?: number;
}

/**
 * Makes the like of a Hugging Face tokenizer from GGUF metadata
 * (docs/gguf.md of ggml): `gpt2` is byte-level BPE, `llama` is SentencePiece
 * BPE with byte fallback. Text becomes the tokens that llama.cpp makes of it.
 *
 * @param name File name as errors show it.
 * @param metadata As `@huggingface/gguf` parses it.
 * @returns `undefined` when the metadata names no tokenizer.
 * @throws {ModelFormatError} For a tokenizer of another kind or a list that
 *   is corrupt, with the file and the field.
 */
export function ggufTokenizer(
  name: string,
  metadata: Record<string, unknown>,
): TokenizerFiles | undefined {
  const fields = new TokenizerFields(name, metadata);
  if (fields.get("tokenizer.ggml.model") === undefined) return undefined;
  const vocabulary = readVocabulary(fields);
  const model = tokenizerModel(fields, vocabulary);
  return {
    tokenizer: {
      version: "1.0",
      added_tokens: addedTokens(vocabulary),
      post_processor: null,
      ...model.parts,
    },
    config: tokenizerConfig(fields, vocabulary, model),
    endTokens: endTokens(fields, vocabulary, model),
  };
}

function readVocabulary(fields: TokenizerFields): Vocabulary {
  const tokens = fields.strings("tokenizer.ggml.tokens");
  const stored = fields.get("tokenizer.ggml.token_type") !== undefined
    ? fields.numbers("tokenizer.ggml.token_type", tokens.length)
    : tokens.map(() => NORMAL);
  // Some converters forgot the type of end tokens; llama.cpp mends it as well.
  const types = stored.map((type, id) =>
    isEndName(tokens[id]) ? CONTROL : type
  );
  return { tokens, types };
}

function tokenizerModel(
  fields: TokenizerFields,
  vocabulary: Vocabulary,
): TokenizerModel {
  const field = "tokenizer.ggml.model";
  const model = fields.text(field);
  if (model === "gpt2") return byteLevelBpe(fields, vocabulary);
  if (model === "llama") return sentencePiece(fields, vocabulary);
  fields.fail(field, "gpt2 or llama is needed");
}

function byteLevelBpe(
  fields: TokenizerFields,
  { tokens }: Vocabulary,
): TokenizerModel {
  const { preTokenizer, ignoreMerges, addBos } = bpeStyle(fields);
  const vocab = ids(tokens);
  const model = {
    type: "BPE",
    ignore_merges: ignoreMerges,
    vocab: Object.fromEntries(vocab),
    merges: bpeMerges(fields, vocab),
  };
  return {
    parts: {
      normalizer: null,
      pre_tokenizer: preTokenizer,
      decoder: { type: "ByteLevel" },
      model,
    },
    addBos,
  };
}

function bpeStyle(fields: TokenizerFields): BpeStyle {
  const field = "tokenizer.ggml.pre";
  const pre = fields.text(field, "default");
  const known = [...BPE_STYLES.keys()].join(", ");
  return BPE_STYLES.get(pre) ??
    fields.fail(field, `one of ${known} is needed`);
}

function bpeMerges(
  fields: TokenizerFields,
  vocab: Map<string, number>,
): [string, string][] {
  const field = "tokenizer.ggml.merges";
  const merges = fields.strings(field).map((merge, i): [string, string] => {
    const space = merge.indexOf(" ", 1);
    if (space > 0) return [merge.slice(0, space), merge.slice(space + 1)];
    fields.failEntry(field, i, "two tokens and a space are needed");
  });
  // A merge into what is no token would lose the text that it joins.
  return merges.filter(([left, right]) => vocab.has(left + right));
}

function sentencePiece(
  fields: TokenizerFields,
  { tokens, types }: Vocabulary,
): TokenizerModel {
  const scores = fields.numbers("tokenizer.ggml.scores", tokens.length);
  const mergeable = [NORMAL, USER_DEFINED, UNUSED];
  const text = tokens.flatMap((token, id): [string, number][] =>
    mergeable.includes(types[id]) ? [[token, scores[id]]] : []
  );
  const prefix = fields.flag("tokenizer.ggml.add_space_prefix", true);
  const model = {
    type: "BPE",
    byte_fallback: true,
    unk_token: tokens[types.indexOf(UNKNOWN)] ?? null,
    vocab: Object.fromEntries(ids(tokens)),
    merges: spmMerges(new Map(text)),
  };
  return {
    parts: { pre_tokenizer: null, ...spaceMarks(prefix), model },
    addBos: true,
    bos: 1,
    eos: 2,
  };
}

/** Spaces are "▁" in SentencePiece's tokens, and so is the start of a text. */
function spaceMarks(prefix: boolean): Record<string, unknown> {
  const mark = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const unmark = { type: "Replace", pattern: { String: "▁" }, content: " " };
  const prepend = { type: "Prepend", prepend: "▁" };
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  const decoders = [unmark, { type: "ByteFallback" }, { type: "Fuse" }];
  return {
    normalizer: {
      type: "Sequence",
      normalizers: prefix ? [prepend, mark] : [mark],
    },
    decoder: {
      type: "Sequence",
      decoders: prefix ? [...decoders, strip] : decoders,
    },
  };
}

function ids(tokens: string[]): Map<string, number> {
  return new Map(tokens.map((token, id) => [token, id]));
}

function addedTokens({ tokens, types }: Vocabulary): Record<string, unknown>[] {
  const added = [UNKNOWN, CONTROL, USER_DEFINED];
  return tokens.flatMap((content, id) =>
    added.includes(types[id])
      ? [{
        id,
        content,
        special: types[id] !== USER_DEFINED,
        normalized: false,
      }]
      : []
  );
}

function tokenizerConfig(
  fields: TokenizerFields,
  { tokens }: Vocabulary,
  model: TokenizerModel,
): Record<string, unknown> {
  const special = (field: string, otherwise = -1) =>
    tokens[fields.tokenId(field, tokens.length) ?? otherwise] ?? null;
  return {
    add_bos_token: fields.flag("tokenizer.ggml.add_bos_token", model.addBos),
    bos_token: special("tokenizer.ggml.bos_token_id", model.bos),
    eos_token: special("tokenizer.ggml.eos_token_id", model.eos),
    chat_template: fields.optionalText("tokenizer.chat_template") ?? null,
    clean_up_tokenization_spaces: false,
  };
}

function endTokens(
  fields: TokenizerFields,
  { tokens }: Vocabulary,
  { eos }: TokenizerModel,
): number[] {
  const id = (field: string) => fields.tokenId(field, tokens.length);
  const stored = [
    id("tokenizer.ggml.eos_token_id") ?? eos,
    id("tokenizer.ggml.eot_token_id"),
    id("tokenizer.ggml.eom_token_id"),
  ].filter((end) => end !== undefined);
  const named = tokens.flatMap((token, end) => isEndName(token) ? [end] : []);
  return [...new Set([...stored, ...named])].sort((a, b) => a - b);
}
