import { bufferSource, type ByteSource } from "../model/checkpoint/source.ts";
import { fileSources } from "../model/files/files.ts";
import { hubSources } from "../model/files/hub.ts";
import { type EmbeddedFiles, embeddedModels } from "../models/mod.ts";
import { bar, type ProgressLine } from "./progress.ts";
import { UsageError } from "./usage_error.ts";

const EMBEDDED = "embedded:";

/**
 * The files of a MODEL: a path, `embedded:name` for one that is part of the
 * package, or `hf:owner/name[/file]`, which is downloaded into the hub's cache
 * unless it is there.
 */
export async function modelSources(
  name: string,
  progress: ProgressLine,
): Promise<ByteSource[]> {
  if (name.startsWith(EMBEDDED)) {
    return await embeddedSources(name.slice(EMBEDDED.length));
  }
  if (!name.startsWith("hf:")) return await fileSources(name);
  const sources = await hubSources(
    name,
    {
      onProgress: ({ file, bytes, total }) =>
        progress.show(bar(bytes, total, file)),
    },
  );
  progress.clear();
  return sources;
}

async function embeddedSources(name: string): Promise<ByteSource[]> {
  if (Object.hasOwn(embeddedModels, name)) {
    return sourcesIn(await embeddedModels[name]());
  }
  const names = Object.keys(embeddedModels).join(", ") || "none is there";
  throw new UsageError(
    `Cannot open model ${name}: an embedded one (${names}) is needed`,
  );
}

/** The files of an embedded model. */
export function sourcesIn({ files }: EmbeddedFiles): ByteSource[] {
  return Object.entries(files).map(([name, base64]) => {
    const text = atob(base64);
    const bytes = Uint8Array.from(text, (byte) => byte.charCodeAt(0));
    return bufferSource(name, bytes);
  });
}
