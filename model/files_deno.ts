import { type ByteSource, truncated } from "./source.ts";

/**
 * A model's files on disk, for Deno. A file is opened for each read, so that
 * there is nothing to close.
 *
 * @param path A file, or a folder whose files are all given (those in folders
 * inside it are not).
 * @throws {Deno.errors.NotFound} When there is nothing at the path.
 */
export async function fileSources(path: string): Promise<ByteSource[]> {
  const { isDirectory, size } = await Deno.stat(path);
  if (!isDirectory) return [fileSource(path, size)];
  const sources: ByteSource[] = [];
  for await (const { name } of Deno.readDir(path)) {
    const file = `${path.replace(/\/$/, "")}/${name}`;
    // Not readDir's own kind: the hub's cache is made of symbolic links.
    const { isFile, size } = await Deno.stat(file);
    if (isFile) sources.push(fileSource(file, size));
  }
  return sources;
}

function fileSource(name: string, size: number): ByteSource {
  return {
    name,
    size,
    read: async (offset, length) => {
      using file = await Deno.open(name);
      await file.seek(offset, Deno.SeekMode.Start);
      return await readFully(file, new Uint8Array(length), name, offset);
    },
  };
}

async function readFully(
  file: Deno.FsFile,
  bytes: Uint8Array,
  name: string,
  offset: number,
): Promise<Uint8Array> {
  let filled = 0;
  while (filled < bytes.length) {
    const count = await file.read(bytes.subarray(filled));
    if (count === null) {
      throw truncated(name, offset + filled, offset + bytes.length);
    }
    filled += count;
  }
  return bytes;
}
