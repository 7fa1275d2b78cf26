import type { Checkpoint } from "../checkpoint/checkpoint.ts";
import { Fields } from "../checkpoint/fields.ts";
import { ggufConfig } from "./config.ts";
import { parseGguf } from "./parse.ts";
import { ggufTensors, readRotaryDivisors } from "./tensors.ts";
import { ggufTokenizer } from "./tokenizer.ts";
import { expectTensors } from "../checkpoint/layout.ts";
import type { ByteSource } from "../checkpoint/source.ts";

/** Divisors of the rotary frequencies: configuration in the form of a tensor. */
const ROTARY_DIVISORS = "rope_freqs.weight";

/**
 * Opens a GGUF file of a llama, qwen2 or qwen3 model. Only its header is read,
 * and `rope_freqs.weight` where there is one.
 *
 * @param source The file.
 * @throws {ModelFormatError} When the file is truncated or corrupt, of another
 * architecture or tensor type, or lacks what the decoder needs.
 */
export async function openGguf(source: ByteSource): Promise<Checkpoint> {
  const { name } = source;
  const parsed = await parseGguf(source);
  const fields = new Fields(name, parsed.metadata);
  const tensors = ggufTensors(source, fields, parsed);
  const divisors = await readRotaryDivisors(tensors.get(ROTARY_DIVISORS));
  tensors.delete(ROTARY_DIVISORS);
  const vocabulary = tensors.get("token_embd.weight")?.shape[0] ?? 0;
  const config = ggufConfig(fields, vocabulary, divisors);
  const tokenizer = ggufTokenizer(name, parsed.metadata);
  const checkpoint = { name, config, tensors, ...tokenizer && { tokenizer } };
  expectTensors(checkpoint);
  return checkpoint;
}
