import type { Architecture, ModelConfig } from "../checkpoint/checkpoint.ts";
import type { Fields } from "../checkpoint/fields.ts";
import { hfRotary } from "./rotary.ts";

const ARCHITECTURES: Record<string, Architecture> = {
  LlamaForCausalLM: "llama",
  Qwen2ForCausalLM: "qwen2",
  Qwen3ForCausalLM: "qwen3",
};

/**
 * Configuration from the `config.json` of a Hugging Face folder, with the
 * defaults of transformers.
 *
 * @param fields The file's content.
 * @throws {ModelFormatError} For another architecture, a variant that the
 * decoder does not have, and for a field that is missing or absurd.
 */
export function hfConfig(fields: Fields): ModelConfig {
  const architecture = architectureOf(fields);
  expectPlain(fields, "hidden_act", "silu");
  expectPlain(fields, "use_sliding_window", false);
  const embedding = fields.count("hidden_size");
  const queryHeads = fields.count("num_attention_heads");
  // Qwen3's default is no quotient; its configurations always say it.
  const headDim = fields.count("head_dim", embedding / queryHeads);
  return {
    architecture,
    layers: fields.count("num_hidden_layers"),
    embedding,
    feedForward: fields.count("intermediate_size"),
    queryHeads,
    kvHeads: fields.count("num_key_value_heads", queryHeads),
    headDim,
    vocabulary: fields.count("vocab_size"),
    contextLength: fields.count("max_position_embeddings"),
    rmsEpsilon: fields.positive("rms_norm_eps", 1e-6),
    rotary: hfRotary(fields, headDim),
  };
}

function architectureOf(fields: Fields): Architecture {
  const field = "architectures";
  const [name] = [fields.get(field)].flat();
  if (typeof name === "string" && Object.hasOwn(ARCHITECTURES, name)) {
    return ARCHITECTURES[name]!;
  }
  fields.fail(
    field,
    `one of ${Object.keys(ARCHITECTURES).join(", ")} is needed`,
  );
}

function expectPlain(fields: Fields, field: string, plain: unknown): void {
  if ((fields.get(field) ?? plain) === plain) return;
  fields.fail(field, `${plain} is needed`);
}
