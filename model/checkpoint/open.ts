import type { Checkpoint } from "./checkpoint.ts";
import { ModelFormatError } from "./error.ts";
import { Folder } from "../safetensors/folder.ts";
import { openSafetensors } from "../safetensors/safetensors.ts";
import type { ByteSource } from "./source.ts";

const GGUF_MAGIC = "GGUF";

/**
 * Opens a model, whichever form its files have: one GGUF file, or a Hugging
 * Face folder with `config.json` and safetensors.
 *
 * @param sources The file, or all files of the folder.
 * @throws {ModelFormatError} When they are neither, or cannot be used.
 *
 * @example
 * ```ts ignore
 * const response = await fetch("/models/tiny.gguf");
 * const source = blobSource("tiny.gguf", await response.blob());
 * const { config } = await openCheckpoint([source]);
 * ```
 */
export async function openCheckpoint(
  sources: ByteSource[],
): Promise<Checkpoint> {
  const [first] = sources;
  if (first && sources.length === 1 && await startsAsGguf(first)) {
    // Lazily: its library is half of this package in a bundle.
    const { openGguf } = await import("../gguf/gguf.ts");
    return openGguf(first);
  }
  if (new Folder(sources).find("config.json")) return openSafetensors(sources);
  const names = sources.map(({ name }) => name).join(", ");
  throw new ModelFormatError(
    `Cannot open ${
      names || "a model"
    }: neither GGUF nor a folder, one file that starts with ${GGUF_MAGIC} or a config.json with safetensors is needed`,
  );
}

async function startsAsGguf(source: ByteSource): Promise<boolean> {
  if (source.size < GGUF_MAGIC.length) return false;
  const start = await source.read(0, GGUF_MAGIC.length);
  return new TextDecoder().decode(start) === GGUF_MAGIC;
}
