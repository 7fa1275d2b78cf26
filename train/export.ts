import { join } from "node:path";
import {
  encodeSafetensors,
  type FloatForm,
  type NamedTensor,
  writeWhole,
} from "./safetensors.ts";
import type { Task } from "./tasks/task.ts";
import {
  type Parameter,
  parametersOf,
  type TwinConfig,
} from "./twin_config.ts";

/**
 * Writes a model as a Hugging Face folder that `loadModel` reads, see
 * {@linkcode modelFiles}.
 */
export async function exportModel(
  folder: string,
  config: TwinConfig,
  values: Float32Array,
  task: Task,
  form: FloatForm = "f16",
): Promise<void> {
  for (const [name, bytes] of modelFiles(config, values, task, form)) {
    await writeWhole(join(folder, name), bytes);
  }
}

/**
 * Files of a Hugging Face folder: `config.json`, `model.safetensors` and a
 * tokenizer with one token per character of the task, `.` its end token.
 */
export function modelFiles(
  config: TwinConfig,
  values: Float32Array,
  task: Pick<Task, "vocabulary">,
  form: FloatForm = "f16",
): Map<string, Uint8Array<ArrayBuffer>> {
  const tensors = parametersOf(config).map((parameter) =>
    namedTensor(parameter, values)
  );
  const json = (value: unknown) =>
    new TextEncoder().encode(JSON.stringify(value, null, 2) + "\n");
  return new Map([
    ["config.json", json(hfConfig(config, task, form))],
    ["model.safetensors", encodeSafetensors(tensors, form, { format: "pt" })],
    ["tokenizer.json", json(tokenizer(task))],
    ["tokenizer_config.json", json({ clean_up_tokenization_spaces: false })],
  ]);
}

/** Matrices as transformers stores them: `[outputs, inputs]`. */
function namedTensor(
  { name, shape, offset, size }: Parameter,
  all: Float32Array,
): NamedTensor {
  const values = all.subarray(offset, offset + size);
  const [rows = 0, columns] = shape;
  if (columns === undefined || name.includes("embed_tokens")) {
    return { name, shape, values };
  }
  const transposed = new Float32Array(size);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) {
      transposed[j * rows + i] = values[i * columns + j]!;
    }
  }
  return { name, shape: [columns, rows], values: transposed };
}

function hfConfig(
  config: TwinConfig,
  { vocabulary }: Pick<Task, "vocabulary">,
  form: FloatForm,
): Record<string, unknown> {
  return {
    architectures: ["LlamaForCausalLM"],
    model_type: "llama",
    dtype: form === "f32" ? "float32" : "float16",
    hidden_act: "silu",
    hidden_size: config.embedding,
    intermediate_size: config.feedForward,
    num_hidden_layers: config.layers,
    num_attention_heads: config.queryHeads,
    num_key_value_heads: config.kvHeads,
    head_dim: config.headDim,
    vocab_size: config.vocabulary,
    max_position_embeddings: config.contextLength,
    rms_norm_eps: config.rmsEpsilon,
    rope_theta: config.base,
    tie_word_embeddings: true,
    eos_token_id: vocabulary.indexOf("."),
  };
}

/** Byte pairs without merges: the characters themselves. */
function tokenizer(
  { vocabulary }: Pick<Task, "vocabulary">,
): Record<string, unknown> {
  const vocab = Object.fromEntries([...vocabulary].map((c, id) => [c, id]));
  const byteLevel = { type: "ByteLevel", add_prefix_space: false };
  return {
    version: "1.0",
    added_tokens: [],
    normalizer: null,
    pre_tokenizer: { ...byteLevel, use_regex: true },
    post_processor: null,
    decoder: byteLevel,
    model: { type: "BPE", vocab, merges: [] },
  };
}
