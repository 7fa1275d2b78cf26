import { gguf, type GGUFTensorInfo } from "@huggingface/gguf";
import { ModelFormatError } from "../checkpoint/error.ts";
import { readGgufHeader } from "./header.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** What a GGUF file's header says. */
export interface ParsedGguf {
  /** Fields by key; 64-bit numbers are bigints. */
  metadata: Record<string, unknown>;
  /** Tensors in the file's order, dimensions innermost first. */
  tensorInfos: GGUFTensorInfo[];
  /** Bytes of the header, without the padding before the tensors' data. */
  headerBytes: number;
}

/**
 * Metadata and tensor list of a GGUF file, parsed by `@huggingface/gguf` after
 * the lengths in the header have been found to be true.
 *
 * @param source The file; only its header is read.
 * @throws {ModelFormatError} When the header is truncated or corrupt.
 */
export async function parseGguf(source: ByteSource): Promise<ParsedGguf> {
  const { strings, rest, length } = await readGgufHeader(source);
  try {
    // The address only has to look like one: the bytes come from memory.
    const { metadata, tensorInfos } = await gguf("http://localhost/", {
      fetch: rangesOf(rest),
    });
    return {
      metadata: { ...metadata, ...Object.fromEntries(strings) },
      tensorInfos,
      headerBytes: length,
    };
  } catch (cause) {
    throw new ModelFormatError(
      `Cannot open ${source.name}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** A `fetch` that answers the library's range requests from memory. */
function rangesOf(bytes: Uint8Array<ArrayBuffer>): typeof fetch {
  return (_url, init) => {
    const range = new Headers(init?.headers).get("range") ?? "";
    const [first = 0, last = 0] = range.match(/\d+/g)?.map(Number) ?? [];
    const piece = bytes.subarray(first, last + 1);
    return Promise.resolve(new Response(piece, { status: 206 }));
  };
}
