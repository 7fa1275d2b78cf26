import { ModelFormatError } from "./error.ts";

/** Random access to the bytes of one model file, wherever it lives. */
export interface ByteSource {
  /** File name as errors show it and as formats are told apart: `model.gguf`. */
  readonly name: string;
  /** Bytes in the file. */
  readonly size: number;
  /** Reads `length` bytes at `offset`; rejects when the file has fewer. */
  read(offset: number, length: number): Promise<Uint8Array>;
}

/**
 * A file that is in memory already.
 *
 * @param name File name, with its extension.
 * @param bytes The whole file; read in place, not copied.
 */
export function bufferSource(name: string, bytes: Uint8Array): ByteSource {
  return {
    name,
    size: bytes.byteLength,
    read: (offset, length) => {
      const end = offset + length;
      return end <= bytes.byteLength
        ? Promise.resolve(bytes.subarray(offset, end))
        : Promise.reject(truncated(name, bytes.byteLength, end));
    },
  };
}

/**
 * A `Blob` or `File`, as a page's file input or `fetch` gives it: read piece
 * by piece, so that the file never has to be in memory.
 *
 * @param name File name, with its extension.
 * @param blob The whole file.
 */
export function blobSource(name: string, blob: Blob): ByteSource {
  return {
    name,
    size: blob.size,
    read: async (offset, length) => {
      const end = offset + length;
      if (end > blob.size) throw truncated(name, blob.size, end);
      return new Uint8Array(await blob.slice(offset, end).arrayBuffer());
    },
  };
}

/** The error of a read past the end of a file. */
export function truncated(name: string, size: number, end: number): Error {
  return new ModelFormatError(
    `Cannot read ${name}: it ends at byte ${size}, ${end} are needed`,
  );
}
