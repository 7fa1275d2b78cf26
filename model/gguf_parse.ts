import { gguf, type GGUFTensorInfo } from "@huggingface/gguf";
import { ModelFormatError } from "./error.ts";
import { type GgufHeader, readGgufHeader } from "./gguf_header.ts";
import type { ByteSource } from "./source.ts";

/** What a GGUF file's header says. */
export interface ParsedGguf {
  metadata: Record<string, unknown>;
  tensorInfos: GGUFTensorInfo[];
  /** First byte of the tensors' data. */
  dataOffset: number;
}

/**
 * Metadata and tensor list of a GGUF file, parsed by `@huggingface/gguf` after
 * the lengths in the header have been found to be true.
 *
 * @param source The file; only its header is read.
 * @throws {ModelFormatError} When the header is truncated or corrupt.
 */
export async function parseGguf(source: ByteSource): Promise<ParsedGguf> {
  const header = await readGgufHeader(source);
  try {
    // The address only has to look like one: the bytes come from the header.
    const parsed = await gguf("http://localhost/", { fetch: rangesOf(header) });
    return {
      metadata: withLastStrings({ ...parsed.metadata }, header),
      tensorInfos: parsed.tensorInfos,
      dataOffset: Number(parsed.tensorDataOffset),
    };
  } catch (cause) {
    throw new ModelFormatError(
      `Cannot open ${source.name}: ${(cause as Error).message}`,
      { cause },
    );
  }
}

/** A `fetch` that answers the library's range requests from memory. */
function rangesOf({ bytes }: GgufHeader): typeof fetch {
  return (_url, init) => {
    const range = new Headers(init?.headers).get("range") ?? "";
    const [first = 0, last = 0] = range.match(/\d+/g)?.map(Number) ?? [];
    const piece = bytes.slice(first, last + 1);
    return Promise.resolve(new Response(piece, { status: 206 }));
  };
}

/**
 * `@huggingface/gguf` 0.4.6 reads pieces of 2 MB, and where such a piece ends
 * inside the string that ends a field, it cuts that string without an error.
 */
function withLastStrings(
  metadata: Record<string, unknown>,
  header: GgufHeader,
): Record<string, unknown> {
  for (const [key, bytes] of header.lastStrings) {
    const value = metadata[key];
    const text = new TextDecoder().decode(bytes);
    if (Array.isArray(value)) value[value.length - 1] = text;
    else metadata[key] = text;
  }
  return metadata;
}
