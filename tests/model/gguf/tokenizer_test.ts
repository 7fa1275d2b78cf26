import { assertEquals, assertThrows } from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { ggufTokenizer } from "../../../model/gguf/tokenizer.ts";
import {
  byteLevelMetadata,
  parsed,
  sentencePieceMetadata,
} from "../tokenizer/vocabulary_file.ts";

const bpe = parsed(byteLevelMetadata("qwen2"));
const spm = parsed(sentencePieceMetadata(true));
const tokens = bpe["tokenizer.ggml.tokens"] as string[];

function assertRefused(
  metadata: Record<string, unknown>,
  field: string,
  value: unknown,
  message: string,
): void {
  const broken = { ...metadata, [`tokenizer.ggml.${field}`]: value };
  const error = assertThrows(
    () => ggufTokenizer("broken.gguf", broken),
    ModelFormatError,
    message,
  );
  assertEquals(error.message.includes("broken.gguf"), true);
}

Deno.test("ggufTokenizer() of metadata without a tokenizer is undefined", () => {
  assertEquals(
    ggufTokenizer("a.gguf", { "general.architecture": "llama" }),
    undefined,
  );
});

Deno.test("ggufTokenizer() names the kinds of tokenizer that are supported", () => {
  assertRefused(
    bpe,
    "model",
    "bert",
    'tokenizer.ggml.model is "bert", gpt2 or llama',
  );
  assertRefused(
    bpe,
    "pre",
    "gpt-4o",
    'tokenizer.ggml.pre is "gpt-4o", one of default',
  );
});

Deno.test("ggufTokenizer() refuses corrupt lists and names the entry", () => {
  const list = "a list is needed";
  const short = `a list of ${tokens.length} is needed`;
  assertRefused(
    bpe,
    "tokens",
    undefined,
    `tokenizer.ggml.tokens is missing, ${list}`,
  );
  assertRefused(bpe, "tokens", "abc", list);
  assertRefused(
    bpe,
    "tokens",
    ["a", 5],
    "tokenizer.ggml.tokens.1 is 5, a string",
  );
  assertRefused(
    bpe,
    "token_type",
    [1, 2],
    `token_type is [1, 2], ${short}`,
  );
  assertRefused(
    bpe,
    "token_type",
    tokens.map(() => "1"),
    'token_type.0 is "1"',
  );
  assertRefused(bpe, "merges", ["a b", "ab"], 'merges.1 is "ab", two tokens');
  assertRefused(bpe, "merges", undefined, "tokenizer.ggml.merges is missing");
  assertRefused(spm, "scores", [0.5], "scores is [0.5], a list of");
  assertRefused(spm, "scores", undefined, "tokenizer.ggml.scores is missing");
});

Deno.test("ggufTokenizer() refuses ids past the vocabulary and wrong flags", () => {
  const below = `a token id below ${tokens.length} is needed`;
  assertRefused(
    bpe,
    "eos_token_id",
    tokens.length,
    `eos_token_id is ${tokens.length}, ${below}`,
  );
  assertRefused(bpe, "bos_token_id", -1, below);
  assertRefused(bpe, "eot_token_id", "2", below);
  assertRefused(bpe, "add_bos_token", 1, "true or false is needed");
  assertRefused(spm, "add_space_prefix", "yes", "true or false is needed");
});

Deno.test("ggufTokenizer() takes 64-bit ids and stored end tokens", () => {
  const ids = {
    "tokenizer.ggml.eos_token_id": 9n,
    "tokenizer.ggml.eot_token_id": 7n,
  };
  // 1 is <|im_end|>, which ends a turn by its name.
  assertEquals(ggufTokenizer("a.gguf", { ...bpe, ...ids })!.endTokens, [
    1,
    7,
    9,
  ]);
});

Deno.test("ggufTokenizer() makes an end token special whatever its type says", () => {
  const types = { "tokenizer.ggml.token_type": tokens.map(() => 1) };
  const { tokenizer } = ggufTokenizer("a.gguf", { ...bpe, ...types })!;
  assertEquals(tokenizer.added_tokens, [
    { id: 1, content: "<|im_end|>", special: true, normalized: false },
  ]);
});
