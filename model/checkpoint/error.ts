/**
 * Thrown for a model file that cannot be used: truncated, corrupt, of an
 * unsupported architecture or tensor type, or without what the decoder needs.
 * The message names the file, the field and what was expected.
 *
 * @example
 * ```ts
 * import { bufferSource, ModelFormatError, openCheckpoint } from "@gkv/gkv";
 * import { assertRejects } from "@std/assert";
 *
 * const source = bufferSource("broken.gguf", new Uint8Array(100));
 * await assertRejects(() => openCheckpoint([source]), ModelFormatError);
 * ```
 */
export class ModelFormatError extends Error {
  /** `ModelFormatError`. */
  override name = "ModelFormatError";
}
