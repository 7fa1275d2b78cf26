import { assert, assertEquals, assertThrows } from "@std/assert";
import { gguf } from "@huggingface/gguf";
import { ModelFormatError } from "../../model/checkpoint/error.ts";
import { ggufTokenizer } from "../../model/gguf/tokenizer.ts";
import { Tokenizer } from "../../model/tokenizer/tokenizer.ts";
import { type LlamaVocabulary, llamaVocabulary } from "./llama_vocabulary.ts";
import { PAGE, randomTexts } from "../model/tokenizer/mixed_text.ts";
import {
  byteLevelMetadata,
  type Metadata,
  parsed,
  sentencePieceMetadata,
  vocabularyFile,
} from "../model/tokenizer/vocabulary_file.ts";

const model = Deno.env.get("GKV_TEST_MODEL");
const needsModel = { ignore: model === undefined };
const skipped = model === undefined
  ? " (skipped: GKV_TEST_MODEL is not set)"
  : "";

const MARKED = "<|im_start|>user\nHi <|im_end|>\n<|begin|> <think>x<s> </s>";
const RUNS = Array.from(
  { length: 70 },
  (_, i) => " ".repeat(i) + "a\n".repeat(i % 3),
);

const SCHEMES: Record<string, Metadata> = {
  "llama-bpe": byteLevelMetadata("llama-bpe"),
  "qwen2": byteLevelMetadata("qwen2"),
  "deepseek-r1-qwen": byteLevelMetadata("deepseek-r1-qwen"),
  "smollm": byteLevelMetadata("smollm"),
  "gpt-2": byteLevelMetadata("gpt-2"),
  "default": byteLevelMetadata("default"),
  "SentencePiece": sentencePieceMetadata(true),
  "SentencePiece without prefix": sentencePieceMetadata(false),
};

/** Compares with llama.cpp; `special` tokens written in a text both ways. */
function assertSameTokens(
  tokenizer: Tokenizer,
  llama: LlamaVocabulary,
  texts: string[],
): void {
  for (const text of texts) {
    for (const special of [true, false]) {
      const expected = llama.encode(text, special);
      const message = `${JSON.stringify(text)}, special: ${special}`;
      assertEquals(tokenizer.encode(text, { special }), expected, message);
    }
  }
}

function assertSameControl(tokenizer: Tokenizer, llama: LlamaVocabulary): void {
  const ids = Array.from({ length: tokenizer.vocabulary }, (_, id) => id);
  assertEquals(tokenizer.endTokens, ids.filter((id) => llama.isEnd(id)));
  assertEquals(tokenizer.addBos, llama.addBos);
}

async function realTokenizer(): Promise<Tokenizer> {
  const { metadata } = await gguf(model!, { allowLocalFile: true });
  return new Tokenizer(ggufTokenizer("model.gguf", { ...metadata })!);
}

function tinyTokenizer(metadata: Metadata): Tokenizer {
  return new Tokenizer(ggufTokenizer("tiny.gguf", parsed(metadata))!);
}

async function withLlama(
  metadata: Metadata,
  use: (llama: LlamaVocabulary) => void,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  try {
    await Deno.writeFile(path, vocabularyFile(metadata));
    await using llama = await llamaVocabulary(path);
    use(llama);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test(`encode() of SmolLM2 equals llama.cpp's tokens${skipped}`, {
  ...needsModel,
}, async () => {
  const tokenizer = await realTokenizer();
  await using llama = await llamaVocabulary(model!);
  assertSameTokens(tokenizer, llama, [PAGE, MARKED, "", ...RUNS]);
  assertSameTokens(tokenizer, llama, randomTexts(3000, 1));
  assertSameControl(tokenizer, llama);
});

Deno.test(`decode() of SmolLM2 gives the encoded text back${skipped}`, {
  ...needsModel,
}, async () => {
  const tokenizer = await realTokenizer();
  for (const text of [PAGE, ...randomTexts(1000, 2)]) {
    assertEquals(tokenizer.decode(tokenizer.encode(text)), text);
  }
});

for (const [scheme, metadata] of Object.entries(SCHEMES)) {
  Deno.test(`encode() of a ${scheme} vocabulary equals llama.cpp's tokens`, () =>
    withLlama(metadata, (llama) => {
      const tokenizer = tinyTokenizer(metadata);
      const texts = [PAGE, MARKED, "", ...RUNS, ...randomTexts(1500, 3)];
      // llama.cpp joins "<s>" in plain text into the control token.
      const safe = texts.map((text) => text.replaceAll(/<\/?s>/g, "_"));
      assertSameTokens(tokenizer, llama, safe);
      texts.forEach((text) =>
        assertEquals(tokenizer.encode(text), llama.encode(text, true), text)
      );
      assertSameControl(tokenizer, llama);
    }));

  Deno.test(`decode() of a ${scheme} vocabulary gives the encoded text back`, () => {
    const tokenizer = tinyTokenizer(metadata);
    for (const text of [PAGE, ...RUNS, ...randomTexts(500, 4)]) {
      // SentencePiece writes a space as "▁", so that it cannot tell the two.
      const plain = text.replaceAll("▁", "_");
      const ids = tokenizer.encode(plain, { special: false });
      assertEquals(tokenizer.decode(ids), plain);
    }
  });
}

Deno.test("encode() with special: false never gives a control token", () => {
  const tokenizer = tinyTokenizer(SCHEMES["SentencePiece"]);
  const ids = tokenizer.encode(MARKED, { special: false });
  assertEquals(ids.filter((id) => id <= 2), []);
  assert(tokenizer.encode(MARKED).includes(2));
});

Deno.test("encode() puts BOS first when asked and refuses where there is none", () => {
  const metadata = { ...SCHEMES["llama-bpe"] };
  const ids = tinyTokenizer(metadata).encode("a");
  assertEquals(tinyTokenizer(metadata).encode("a", { bos: true }), [0, ...ids]);
  delete metadata["tokenizer.ggml.bos_token_id"];
  const without = tinyTokenizer(metadata);
  assertThrows(
    () => without.encode("a", { bos: true }),
    RangeError,
    "no BOS token",
  );
  assertEquals(without.addBos, false);
});

Deno.test("encode() keeps the text that a merge would join into no token", () => {
  const metadata = parsed(SCHEMES["qwen2"]);
  const field = "tokenizer.ggml.merges";
  metadata[field] = ["q z", ...metadata[field] as string[]];
  const tokenizer = new Tokenizer(ggufTokenizer("tiny.gguf", metadata)!);
  assertEquals(tokenizer.decode(tokenizer.encode("qz")), "qz");
});

Deno.test("bytes() gives parts of characters, user text and nothing for control", () => {
  const tokenizer = tinyTokenizer(SCHEMES["qwen2"]);
  const bytesOf = (
    token: string,
  ) => [...tokenizer.bytes(tokenizer.idOf(token)!)];
  assertEquals(bytesOf("ð"), [0xf0]);
  assertEquals(bytesOf("Ġ"), [0x20]);
  assertEquals(bytesOf("<think>"), [...new TextEncoder().encode("<think>")]);
  assertEquals(bytesOf("<|im_end|>"), []);
  assertEquals([...tokenizer.bytes(tokenizer.vocabulary)], []);
  assertThrows(() => tokenizer.bytes(-1), RangeError, "token -1");
});

Deno.test("bytes() of SentencePiece knows byte tokens and spaces", () => {
  const tokenizer = tinyTokenizer(SCHEMES["SentencePiece"]);
  const bytesOf = (
    token: string,
  ) => [...tokenizer.bytes(tokenizer.idOf(token)!)];
  assertEquals(bytesOf("<0xE2>"), [0xe2]);
  assertEquals(bytesOf("▁▁"), [0x20, 0x20]);
  assertEquals(bytesOf("</s>"), []);
});

Deno.test("addBos follows the post-processor where the configuration is silent", () => {
  const files = ggufTokenizer("tiny.gguf", parsed(SCHEMES["qwen2"]))!;
  delete files.config.add_bos_token;
  assertEquals(new Tokenizer(files).addBos, false);
  const special = { SpecialToken: { id: "<|begin|>", type_id: 0 } };
  const text = { Sequence: { id: "A", type_id: 0 } };
  files.tokenizer.post_processor = {
    type: "TemplateProcessing",
    single: [special, text],
  };
  assertEquals(new Tokenizer(files).addBos, true);
});

Deno.test("Tokenizer refuses a tokenizer.json it cannot read", () => {
  const { tokenizer, config } = ggufTokenizer(
    "tiny.gguf",
    parsed(SCHEMES["qwen2"]),
  )!;
  const refused = (changes: Record<string, unknown>, message: string) =>
    assertThrows(
      () =>
        new Tokenizer({
          tokenizer: { ...tokenizer, ...changes },
          config,
          endTokens: [],
        }),
      ModelFormatError,
      message,
    );
  refused({ decoder: { type: "WordPiece" } }, "its decoder is WordPiece");
  refused({ decoder: null }, "its decoder is missing");
  refused({ pre_tokenizer: { type: "Nonsense" } }, "Nonsense");
});
