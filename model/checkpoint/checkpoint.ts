import type { StoredType } from "../../kernels/stored.ts";
import type { ByteSource } from "./source.ts";

/** Decoder families that can be run. */
export type Architecture = "llama" | "qwen2" | "qwen3";

/** Rotary position embedding of a model (arXiv 2104.09864). */
export interface RotaryConfig {
  /** Frequency base θ: pair `i` turns by `position · θ^(-2i/headDim)`. */
  base: number;
  /**
   * Which channels form a pair: neighbours (GGUF files of the llama
   * architecture) or channel `i` with `i + headDim/2` (all others).
   */
  pairing: "adjacent" | "halves";
  /**
   * Divisors of the frequencies, one a pair, as Llama 3.1's scaling and
   * linear scaling give them; absent when the frequencies are plain.
   */
  divisors?: Float64Array;
}

/** What the decoder has to know of a model, whatever file it came from. */
export interface ModelConfig {
  /** Decoder family. */
  architecture: Architecture;
  /** Transformer blocks. */
  layers: number;
  /** Width of the residual stream. */
  embedding: number;
  /** Width of the feed-forward network. */
  feedForward: number;
  /** Attention heads. */
  queryHeads: number;
  /** Heads of keys and values; a divisor of `queryHeads`. */
  kvHeads: number;
  /** Channels of one head. */
  headDim: number;
  /** Rows of the embedding table. */
  vocabulary: number;
  /** Tokens the model was trained for. */
  contextLength: number;
  /** Added to the mean square in every RMS norm. */
  rmsEpsilon: number;
  /** How positions turn queries and keys. */
  rotary: RotaryConfig;
}

/** Where one tensor's numbers lie. */
export interface TensorEntry {
  /** GGUF's name: `blk.0.attn_q.weight`. */
  name: string;
  /** Form of the numbers. */
  type: StoredType;
  /** Outermost first: `[rows, columns]` of a matrix, `[n]` of a vector. */
  shape: number[];
  /** File that holds them. */
  source: ByteSource;
  /** First byte in `source`. */
  offset: number;
  /** Bytes in `source`. */
  bytes: number;
}

/** What a tokenizer is made from, and the ids that end a text. */
export interface TokenizerFiles {
  /** Content of `tokenizer.json`, or the like of it made from GGUF metadata. */
  tokenizer: Record<string, unknown>;
  /** Content of `tokenizer_config.json`: special tokens, chat template. */
  config: Record<string, unknown>;
  /** Tokens that end a generation, by id, from all the places that name them. */
  endTokens: number[];
}

/**
 * An opened model: configuration, tokenizer and the places of the tensors,
 * none of them read yet. Tensors have GGUF's names (`token_embd.weight`,
 * `blk.0.attn_q.weight`, …), also when they come from safetensors.
 */
export interface Checkpoint {
  /** File or folder as errors show it. */
  name: string;
  /** Sizes and constants. */
  config: ModelConfig;
  /** By GGUF name; all that the decoder needs and nothing else. */
  tensors: Map<string, TensorEntry>;
  /** Absent when the file has none: such a model decodes token ids only. */
  tokenizer?: TokenizerFiles;
}
