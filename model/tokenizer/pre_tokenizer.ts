/** A `pre_tokenizer` of `tokenizer.json`, or one step of it. */
export interface PreTokenizer {
  type: string;
  [option: string]: unknown;
}

/** How a byte-level BPE model cuts text before it merges. */
export interface BpeStyle {
  preTokenizer: PreTokenizer;
  /** Whether a piece that is a token as a whole is taken without merging. */
  ignoreMerges: boolean;
  /** Whether a prompt begins with the BOS token when the file does not say. */
  addBos: boolean;
}

// GPT-2's pattern, as tokenizers' ByteLevel has it built in.
const GPT2 =
  "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

const byteLevel = (useRegex: boolean): PreTokenizer => ({
  type: "ByteLevel",
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});

const split = (pattern: string): PreTokenizer => ({
  type: "Split",
  pattern: { Regex: pattern },
  behavior: "Isolated",
  invert: false,
});

const sequence = (...steps: PreTokenizer[]): PreTokenizer => ({
  type: "Sequence",
  pretokenizers: steps,
});

/** Llama 3's pattern; Qwen 2 differs in taking digits one by one. */
const llama3Pattern = (digits: string): string =>
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|" + digits +
  "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

const gpt2Style: BpeStyle = {
  preTokenizer: byteLevel(true),
  ignoreMerges: false,
  addBos: false,
};

const llama3Style: BpeStyle = {
  preTokenizer: sequence(split(llama3Pattern("\\p{N}{1,3}")), byteLevel(false)),
  ignoreMerges: true,
  addBos: true,
};

const qwen2Style: BpeStyle = {
  preTokenizer: sequence(split(llama3Pattern("\\p{N}")), byteLevel(false)),
  ignoreMerges: false,
  addBos: false,
};

const smollmStyle: BpeStyle = {
  preTokenizer: sequence(
    { type: "Digits", individual_digits: true },
    byteLevel(true),
  ),
  ignoreMerges: false,
  addBos: false,
};

// What llama.cpp does with files that do not name their pre-tokenizer.
const defaultStyle: BpeStyle = {
  preTokenizer: sequence(
    split("[\\p{P}\\$\\+<=>\\^~\\|]+"),
    split(GPT2),
    split("\\p{N}+"),
    split("[0-9][0-9][0-9]"),
    byteLevel(false),
  ),
  ignoreMerges: false,
  addBos: false,
};

/**
 * Styles by the names of `tokenizer.ggml.pre`, as llama.cpp groups them
 * (llama-vocab.cpp).
 */
export const BPE_STYLES: ReadonlyMap<string, BpeStyle> = new Map([
  ["default", defaultStyle],
  ["gpt-2", gpt2Style],
  ["llama-bpe", llama3Style],
  ["llama3", llama3Style],
  ["llama-v3", llama3Style],
  ["qwen2", qwen2Style],
  ["deepseek-r1-qwen", qwen2Style],
  ["smollm", smollmStyle],
]);

/**
 * The same pre-tokenizer without the steps that `@huggingface/tokenizers`
 * 0.2.0 computes with JavaScript's character classes instead of Unicode's:
 * its `Digits` knows ASCII digits only, and the pattern in its `ByteLevel`
 * takes U+FEFF for a space and U+0085 for none. Its `Split` is exact.
 */
export function exactPreTokenizer(step: PreTokenizer): PreTokenizer {
  const { type, pretokenizers } = step;
  if (type === "Sequence" && Array.isArray(pretokenizers)) {
    return sequence(...pretokenizers.map(exactPreTokenizer));
  }
  if (type === "Digits") {
    return split(step.individual_digits ? "\\p{N}" : "\\p{N}+");
  }
  if (type === "ByteLevel" && step.use_regex !== false) {
    return sequence(split(GPT2), { ...step, use_regex: false });
  }
  return step;
}
