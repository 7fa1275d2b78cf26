import type * as FileSystem from "node:fs/promises";
import { type ByteSource, truncated } from "../checkpoint/source.ts";

/**
 * A model's files on disk, for Deno, Node and Bun. A file is opened for each
 * read, so that there is nothing to close.
 *
 * @param path A file, or a folder whose files are all given (those in folders
 * inside it are not).
 * @throws {Error} With `code` ENOENT when there is nothing at the path.
 * @throws {TypeError} In a runtime without files, as a browser is.
 */
export async function fileSources(path: string): Promise<ByteSource[]> {
  const { readdir, stat } = fileSystem(path);
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
      const file = await fileSystem(name).open(name);
      // Node 20 and Safari cannot parse `await using`.
      try {
        return await readFully(file, name, offset, length);
      } finally {
        await file.close();
      }
    },
  };
}

async function readFully(
  file: FileSystem.FileHandle,
  name: string,
  offset: number,
  length: number,
): Promise<Uint8Array> {
  const bytes = new Uint8Array(length);
  for (let filled = 0; filled < length;) {
    const at = offset + filled;
    const rest = length - filled;
    const { bytesRead } = await file.read(bytes, filled, rest, at);
    if (bytesRead === 0) throw truncated(name, at, offset + length);
    filled += bytesRead;
  }
  return bytes;
}

/** Not an import: bundles for the web would fail to resolve it or to load. */
function fileSystem(path: string): typeof FileSystem {
  const { process } = globalThis as {
    process?: { getBuiltinModule?(name: string): typeof FileSystem };
  };
  const found = process?.getBuiltinModule?.("node:fs/promises");
  if (found) return found;
  throw new TypeError(
    `Cannot open ${path}: this runtime has no file system, ` +
      `sources of bytes are needed`,
  );
}
