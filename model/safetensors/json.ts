import { ModelFormatError } from "../checkpoint/error.ts";
import { isRecord } from "../checkpoint/fields.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** Longest JSON read: safetensors' own limit for its header. */
const LONGEST_JSON = 100_000_000;

/**
 * Parses the JSON object in a model file, or in a part of one.
 *
 * @param source The file.
 * @param offset Where the object starts.
 * @param length Its bytes; up to the end of the file unless given.
 * @throws {ModelFormatError} When it is longer than 100 MB or no JSON object.
 */
export async function readJson(
  source: ByteSource,
  offset = 0,
  length: number = source.size - offset,
): Promise<Record<string, unknown>> {
  const file = source.name;
  if (length > LONGEST_JSON) {
    throw new ModelFormatError(
      `Cannot open ${file}: its JSON has ${length} bytes, at most ${LONGEST_JSON} are read`,
    );
  }
  const text = new TextDecoder().decode(await source.read(offset, length));
  const value = parse(file, text);
  if (isRecord(value)) return value;
  throw new ModelFormatError(
    `Cannot open ${file}: its JSON is no object, an object is needed`,
  );
}

function parse(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new ModelFormatError(
      `Cannot open ${file}: ${(cause as Error).message}, JSON is needed`,
      { cause },
    );
  }
}
