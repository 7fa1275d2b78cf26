import type { ByteSource } from "../../model/checkpoint/source.ts";
import { folderFiles, sourcesOf } from "./fixtures/folder.ts";
import { ggufParts, writeGguf } from "./fixtures/gguf.ts";
import { tinyModel, type TinyOptions } from "./fixtures/model.ts";

export { dequantize } from "./fixtures/dequantize.ts";
export { encode } from "./fixtures/encode.ts";
export { randomNormal, randomUniform } from "./fixtures/random.ts";
export { tinyModel, type TinyOptions } from "./fixtures/model.ts";

/** A GGUF file with random weights that llama.cpp loads too. */
export function tinyGguf(options: TinyOptions = {}): Uint8Array {
  return writeGguf(ggufParts(tinyModel(options)));
}

/**
 * The files of a Hugging Face folder with the model that {@linkcode tinyGguf}
 * makes of the same options: exactly the same numbers for the types f32, f16
 * and bf16, others it has not.
 */
export function tinyFolder(
  options: TinyOptions = {},
  shards = 1,
): ByteSource[] {
  return sourcesOf(folderFiles(tinyModel(options), shards));
}
