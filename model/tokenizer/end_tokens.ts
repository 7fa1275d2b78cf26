/**
 * Names of the tokens after which a model has nothing more to say: ends of a
 * turn or a text, and the markers of code models that stand outside the code.
 * The list is that of llama.cpp (llama-vocab.cpp, `special_eog_ids`).
 */
const END_NAMES: ReadonlySet<string> = new Set([
  "<|eot_id|>",
  "<|eom_id|>",
  "<|im_end|>",
  "<|end|>",
  "<|return|>",
  "<|call|>",
  "<|flush|>",
  "<|calls|>",
  "<end_of_turn>",
  "<|endoftext|>",
  "<|end_of_text|>",
  "<|end▁of▁sentence|>",
  "<｜end▁of▁sentence｜>",
  "<end_of_utterance>",
  "<EOT>",
  "_<EOT>",
  "[EOT]",
  "[EOS]",
  "<|fim_pad|>",
  "<fim-pad>",
  "<fim_pad>",
  "<PAD>",
  "[PAD]",
  "<|fim_repo|>",
  "<|repo_name|>",
  "<fim-repo>",
  "<REPO>",
  "<reponame>",
  "<|file_sep|>",
]);

/** Whether a token of this name ends a generation, whatever its type says. */
export function isEndName(token: string): boolean {
  return END_NAMES.has(token);
}
