import type {
  Architecture,
  ModelConfig,
  RotaryConfig,
} from "../checkpoint/checkpoint.ts";
import type { Fields } from "../checkpoint/fields.ts";

const PAIRING: Record<Architecture, RotaryConfig["pairing"]> = {
  llama: "adjacent",
  qwen2: "halves",
  qwen3: "halves",
};

/**
 * Configuration from GGUF metadata, by the keys that llama.cpp writes and with
 * the defaults it takes (`src/llama-model.cpp`, `load_hparams`).
 *
 * @param fields The file's metadata.
 * @param vocabulary Rows of its embedding table.
 * @param divisors Its `rope_freqs.weight`, if it has one.
 * @throws {ModelFormatError} For an unsupported architecture or kind of rotary
 * scaling and for a field that is missing or absurd.
 */
export function ggufConfig(
  fields: Fields,
  vocabulary: number,
  divisors?: Float64Array,
): ModelConfig {
  expectWholeFile(fields);
  const architecture = architectureOf(fields);
  const key = (name: string) => `${architecture}.${name}`;
  const embedding = fields.count(key("embedding_length"));
  const queryHeads = fields.count(key("attention.head_count"));
  const headDim = fields.count(
    key("attention.key_length"),
    embedding / queryHeads,
  );
  expectEqual(fields, key("attention.value_length"), headDim);
  expectEqual(fields, key("rope.dimension_count"), headDim);
  return {
    architecture,
    layers: fields.count(key("block_count")),
    embedding,
    feedForward: fields.count(key("feed_forward_length")),
    queryHeads,
    kvHeads: fields.count(key("attention.head_count_kv"), queryHeads),
    headDim,
    vocabulary,
    contextLength: fields.count(key("context_length")),
    rmsEpsilon: fields.positive(key("attention.layer_norm_rms_epsilon")),
    rotary: rotaryOf(fields, architecture, headDim, divisors),
  };
}

/** `gguf-split` leaves each part with the metadata of the whole. */
function expectWholeFile(fields: Fields): void {
  const field = "split.count";
  if (fields.get(field) === undefined || fields.count(field) === 1) return;
  fields.fail(field, "one file with all tensors is needed");
}

function architectureOf(fields: Fields): Architecture {
  const field = "general.architecture";
  const architecture = fields.text(field);
  if (Object.hasOwn(PAIRING, architecture)) return architecture as Architecture;
  fields.fail(field, `one of ${Object.keys(PAIRING).join(", ")} is needed`);
}

function expectEqual(fields: Fields, field: string, headDim: number): void {
  if (fields.count(field, headDim) === headDim) return;
  fields.fail(field, `the head size, ${headDim}, is needed`);
}

function rotaryOf(
  fields: Fields,
  architecture: Architecture,
  headDim: number,
  divisors?: Float64Array,
): RotaryConfig {
  const base = fields.positive(`${architecture}.rope.freq_base`, 10_000);
  const pairing = PAIRING[architecture];
  const pairs = headDim / 2;
  if (divisors !== undefined && divisors.length !== pairs) {
    fields.fail("rope_freqs.weight", `${pairs} divisors are needed`);
  }
  const factor = linearFactor(fields, architecture);
  if (factor === 1) return { base, pairing, ...divisors && { divisors } };
  const plain = divisors ?? new Float64Array(pairs).fill(1);
  return { base, pairing, divisors: plain.map((x) => x * factor) };
}

/** Linear scaling is llama.cpp's default where a file has only a factor. */
function linearFactor(fields: Fields, architecture: Architecture): number {
  const field = `${architecture}.rope.scaling.type`;
  const type = fields.text(field, "linear");
  if (type === "none") return 1;
  if (type !== "linear") fields.fail(field, "none or linear is needed");
  return fields.positive(`${architecture}.rope.scaling.factor`, 1);
}
