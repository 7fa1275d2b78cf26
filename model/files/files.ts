import { open, readdir, stat } from "node:fs/promises";
import { type ByteSource, truncated } from "../checkpoint/source.ts";

/**
 * A model's files on disk, for Deno, Node and Bun. A file is opened for each
 * read, so that there is nothing to close.
 *
 * @param path A file, or a folder whose files are all given (those in folders
 * inside it are not).
 * @throws {Error} With `code` ENOENT when there is nothing at the path.
 */
export async function fileSources(path: string): Promise<ByteSource[]> {
  const found = await stat(path);
  if (!found.isDirectory()) return [fileSource(path, found.size)];
  const sources: ByteSource[] = [];
  for (const name of await readdir(path)) {
    const file = `${path.replace(/\/$/, "")}/${name}`;
    // Not readdir's own kind: the hub's cache is made of symbolic links.
    const entry = await stat(file);
    if (entry.isFile()) sources.push(fileSource(file, entry.size));
  }
  return sources;
}

function fileSource(name: string, size: number): ByteSource {
  return {
    name,
    size,
    read: async (offset, length) => {
      await using file = await open(name);
      const bytes = new Uint8Array(length);
      for (let filled = 0; filled < length;) {
        const at = offset + filled;
        const rest = length - filled;
        const { bytesRead } = await file.read(bytes, filled, rest, at);
        if (bytesRead === 0) throw truncated(name, at, offset + length);
        filled += bytesRead;
      }
      return bytes;
    },
  };
}
