import { fileSources } from "../model/files/files.ts";
import { hubSources } from "../model/files/hub.ts";
import type { ByteSource } from "../model/checkpoint/source.ts";
import { bar, type ProgressLine } from "./progress.ts";

/**
 * The files of a MODEL: a path, or `hf:owner/name[/file]`, which is
 * downloaded into the hub's cache unless it is there.
 */
export async function modelSources(
  name: string,
  progress: ProgressLine,
): Promise<ByteSource[]> {
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
