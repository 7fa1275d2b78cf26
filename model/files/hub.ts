import { downloadFileToCacheDir, listFiles, modelInfo } from "@huggingface/hub";
import { fileSources } from "./files.ts";
import { chooseFiles } from "./hub_choice.ts";
import { withProgress } from "./hub_progress.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** How far the download of one file is. */
export interface DownloadProgress {
  /** Path in the repository. */
  file: string;
  /** Bytes that have come so far. */
  bytes: number;
  /** Bytes of the file. */
  total: number;
}

/** Options of {@linkcode hubSources}. */
export interface HubOptions {
  /** Called as the bytes of a file come; not for files in the cache already. */
  onProgress?: (progress: DownloadProgress) => void;
  /** Token of an account that may read the repository, where that is needed. */
  accessToken?: string;
  /** Address of the hub, by default https://huggingface.co. */
  hubUrl?: string;
  /** Folder to keep files in, by default the one that all Hugging Face tools share. */
  cacheDir?: string;
}

interface Reference {
  repo: string;
  file?: string;
}

/**
 * Downloads a model from the Hugging Face hub, except what is in its cache
 * already, and gives its files.
 *
 * @param reference `hf:owner/name` or `hf:owner/name/file`. Without a file one
 * is chosen: a GGUF of type q4_0, q4_1 or q8_0, else the safetensors folder.
 * @throws {TypeError} For a reference of another form.
 * @throws {ModelFormatError} Listing the repository's files, when there is no
 * such file or none can be chosen.
 */
export async function hubSources(
  reference: string,
  options: HubOptions = {},
): Promise<ByteSource[]> {
  const { repo, file } = parseReference(reference);
  const { onProgress, ...access } = options;
  // A commit, so that all files are of one state and share one cache folder.
  const { sha } = await modelInfo({
    ...access,
    name: repo,
    revision: "main",
    additionalFields: ["sha"],
  });
  const place = { ...access, repo, revision: sha };
  const sizes = await fileSizes(place);
  const sources: ByteSource[] = [];
  for (const path of chooseFiles(repo, [...sizes.keys()], file)) {
    const report = (bytes: number, total: number) =>
      onProgress?.({ file: path, bytes, total });
    const fetch = withProgress(sizes.get(path)!, report);
    const cached = await quietly(() =>
      downloadFileToCacheDir({ ...place, path, fetch })
    );
    sources.push(...await fileSources(cached));
  }
  return sources;
}

function parseReference(reference: string): Reference {
  const match = /^hf:([^/\s]+\/[^/\s]+)(?:\/(\S+))?$/.exec(reference);
  if (match) return { repo: match[1]!, ...match[2] && { file: match[2] } };
  throw new TypeError(
    `Cannot read model reference ${reference}: hf:owner/name or hf:owner/name/file is needed`,
  );
}

async function fileSizes(
  place: Parameters<typeof listFiles>[0],
): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const entry of listFiles({ ...place, recursive: true })) {
    if (entry.type === "file") sizes.set(entry.path, entry.size);
  }
  return sizes;
}

/** The library's `console.debug` goes to standard output, which is the model's. */
async function quietly<T>(work: () => Promise<T>): Promise<T> {
  const { debug } = console;
  console.debug = () => {};
  try {
    return await work();
  } finally {
    console.debug = debug;
  }
}
