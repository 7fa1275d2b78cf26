import { parseGGUFQuantLabel } from "@huggingface/gguf";
import { ModelFormatError } from "../checkpoint/error.ts";

/** Types that can be read, the fastest first; as the names of files say them. */
const PREFERRED = ["Q4_0", "Q4_1", "Q8_0"];

/** Files of a Hugging Face folder that a model is opened from. */
const FOLDER_FILES =
  /^(model(-\d+-of-\d+)?\.safetensors|model\.safetensors\.index\.json|(config|generation_config|tokenizer|tokenizer_config)\.json|chat_template\.jinja)$/;

/**
 * Chooses the files of a repository to open a model from: its one GGUF file of
 * the first of the types q4_0, q4_1 and q8_0 that it has, else its safetensors
 * with what belongs to them.
 *
 * @param repo Its name, as errors show it.
 * @param files Paths of all its files.
 * @param wanted Path of the file to take instead of choosing one.
 * @throws {ModelFormatError} Listing the files, when the wanted one is not
 * among them or nothing can be chosen.
 */
export function chooseFiles(
  repo: string,
  files: string[],
  wanted?: string,
): string[] {
  if (wanted !== undefined) {
    if (files.includes(wanted)) return [wanted];
    fail(repo, `no file ${wanted}`, "another name", files);
  }
  const ggufs = files.filter((file) => file.endsWith(".gguf"));
  for (const type of PREFERRED) {
    const same = ggufs.filter((file) => parseGGUFQuantLabel(file) === type);
    if (same.length === 1) return same;
    if (same.length > 1) {
      fail(repo, `${same.length} files of ${type}`, "the file's name", same);
    }
  }
  const folder = files.filter((file) => FOLDER_FILES.test(file));
  const isWhole = folder.includes("config.json") &&
    folder.some((file) => file.endsWith(".safetensors"));
  if (isWhole) return folder;
  const types = PREFERRED.join(", ");
  const needed = `a GGUF file of ${types} or config.json with safetensors`;
  fail(repo, "nothing to choose", needed, ggufs.length > 0 ? ggufs : files);
}

function fail(
  repo: string,
  state: string,
  needed: string,
  files: string[],
): never {
  throw new ModelFormatError(
    `Cannot choose a file of ${repo}: it has ${state}, ${needed} is needed; files: ${
      files.slice(0, 50).join(", ")
    }`,
  );
}
