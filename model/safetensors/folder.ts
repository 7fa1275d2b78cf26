import { ModelFormatError } from "../checkpoint/error.ts";
import { Fields } from "../checkpoint/fields.ts";
import { readJson } from "./json.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** The files of a Hugging Face folder, found by name. */
export class Folder {
  readonly #sources: ByteSource[];

  /**
   * A folder of these files.
   *
   * @param sources In any order; their names may have a path before.
   */
  constructor(sources: ByteSource[]) {
    this.#sources = sources;
  }

  /** The file of this name; `undefined` when the folder has none. */
  find(file: string): ByteSource | undefined {
    return this.#sources.find(({ name }) => baseName(name) === file);
  }

  /**
   * The file of this name.
   *
   * @throws {ModelFormatError} When the folder has none.
   */
  get(file: string): ByteSource {
    const source = this.find(file);
    if (source !== undefined) return source;
    const names = this.#sources.map(({ name }) => name).join(", ");
    throw new ModelFormatError(
      `Cannot open a model folder: ${file} is not among ${names}, it is needed`,
    );
  }

  /**
   * Content of the JSON file of this name; `undefined` when there is none.
   *
   * @throws {ModelFormatError} When it is no JSON object.
   */
  async json(file: string): Promise<Fields | undefined> {
    const source = this.find(file);
    return source && new Fields(source.name, await readJson(source));
  }
}

/** File name without the path before it. */
function baseName(path: string): string {
  return path.slice(
    Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\")) + 1,
  );
}
