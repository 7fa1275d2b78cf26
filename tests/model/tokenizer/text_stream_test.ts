import { assert, assertEquals } from "@std/assert";
import {
  TextStream,
  type TokenReader,
} from "../../../model/tokenizer/text_stream.ts";

const utf8 = new TextEncoder();

/** A token per byte of the text, so that every character is cut. */
function byteTokens(text: string): { ids: number[]; reader: TokenReader } {
  const bytes = utf8.encode(text);
  const reader = {
    prefixSpace: false,
    bytes: (id: number) => bytes.slice(id, id + 1),
  };
  return { ids: [...bytes.keys()], reader };
}

/** Tokens of SentencePiece: the ids are indices of the pieces. */
function pieceTokens(...pieces: string[]): TokenReader {
  return { prefixSpace: true, bytes: (id) => utf8.encode(pieces[id]) };
}

Deno.test("TextStream never cuts a character, whatever its length", () => {
  const text = "aé€🙂👩‍👩‍👧 \ufeff नमस्ते";
  const { ids, reader } = byteTokens(text);
  const stream = new TextStream(reader);
  const parts = ids.map((id) => stream.push(id));
  assert(parts.every((part) => !part.includes("\ufffd")));
  assertEquals(parts.join("") + stream.flush(), text);
  assertEquals(parts.filter((part) => part !== "").length, [...text].length);
});

Deno.test("TextStream gives a character as soon as it is complete", () => {
  const { reader } = byteTokens("€!");
  const stream = new TextStream(reader);
  assertEquals([0, 1, 2, 3].map((id) => stream.push(id)), ["", "", "€", "!"]);
});

Deno.test("TextStream shows an unfinished character at the end only", () => {
  const { reader } = byteTokens("a€");
  const stream = new TextStream(reader);
  assertEquals([0, 1, 2].map((id) => stream.push(id)), ["a", "", ""]);
  assertEquals(stream.flush(), "\ufffd");
  assertEquals(stream.flush(), "");
});

Deno.test("TextStream replaces bytes that are no UTF-8 and goes on", () => {
  const reader = {
    prefixSpace: false,
    bytes: (id: number) => Uint8Array.of(id),
  };
  const stream = new TextStream(reader);
  assertEquals([0xff, 0x61].map((id) => stream.push(id)).join(""), "\ufffda");
});

Deno.test("TextStream drops SentencePiece's space at the start of a text only", () => {
  const reader = pieceTokens(" Once", "", " upon");
  const start = new TextStream(reader, { startOfText: true });
  assertEquals([1, 0, 2].map((id) => start.push(id)), ["", "Once", " upon"]);
  const further = new TextStream(reader);
  assertEquals(further.push(2), " upon");
});

Deno.test("TextStream keeps the first space of a byte-level text", () => {
  const { reader } = byteTokens(" a");
  const stream = new TextStream(reader, { startOfText: true });
  assertEquals(stream.push(0), " ");
});
