import type {
  Architecture,
  Checkpoint,
  ModelConfig,
  TensorEntry,
} from "./checkpoint.ts";
import { ModelFormatError } from "./error.ts";

/** Lengths that follow from a model's configuration. */
type Extent =
  | "vocabulary"
  | "embedding"
  | "feedForward"
  | "queryWidth"
  | "kvWidth"
  | "headDim";

/** One tensor of the decoder and the architectures that have it. */
interface Expected {
  shape: Extent[];
  required: Architecture[];
  optional: Architecture[];
}

const EVERY: Architecture[] = ["llama", "qwen2", "qwen3"];

const weight = (...shape: Extent[]): Expected => ({
  shape,
  required: EVERY,
  optional: [],
});
const bias = (extent: Extent): Expected => ({
  shape: [extent],
  required: ["qwen2"],
  optional: ["llama"],
});
const headNorm: Expected = {
  shape: ["headDim"],
  required: ["qwen3"],
  optional: [],
};

/** Tensors outside the blocks. Without an output the embedding serves as one. */
const MODEL: Record<string, Expected> = {
  "token_embd.weight": weight("vocabulary", "embedding"),
  "output_norm.weight": weight("embedding"),
  "output.weight": {
    shape: ["vocabulary", "embedding"],
    required: [],
    optional: EVERY,
  },
};

/** Tensors of every block, after `blk.N.`. */
const BLOCK: Record<string, Expected> = {
  "attn_norm.weight": weight("embedding"),
  "attn_q.weight": weight("queryWidth", "embedding"),
  "attn_k.weight": weight("kvWidth", "embedding"),
  "attn_v.weight": weight("kvWidth", "embedding"),
  "attn_q.bias": bias("queryWidth"),
  "attn_k.bias": bias("kvWidth"),
  "attn_v.bias": bias("kvWidth"),
  "attn_q_norm.weight": headNorm,
  "attn_k_norm.weight": headNorm,
  "attn_output.weight": weight("embedding", "queryWidth"),
  "ffn_norm.weight": weight("embedding"),
  "ffn_gate.weight": weight("feedForward", "embedding"),
  "ffn_up.weight": weight("feedForward", "embedding"),
  "ffn_down.weight": weight("embedding", "feedForward"),
};

/**
 * Checks that a checkpoint has the tensors its decoder needs, in the shapes
 * that follow from its configuration, and none besides: an unknown tensor is
 * a part of the model that would be left out silently.
 *
 * @throws {ModelFormatError} Naming the tensor and the shape that is needed.
 */
export function expectTensors(checkpoint: Checkpoint): void {
  const { name, config, tensors } = checkpoint;
  expectHeads(name, config);
  const known = new Set<string>();
  for (const [tensor, expected] of decoderTensors(config.layers)) {
    const entry = tensors.get(tensor);
    if (isFitting(name, tensor, entry, expected, config)) known.add(tensor);
  }
  // An array: Node 20 and older browsers have no iterator helpers.
  const unknown = [...tensors.keys()].find((tensor) => !known.has(tensor));
  if (unknown === undefined) return;
  throw new ModelFormatError(
    `Cannot use ${name}: it has a tensor ${unknown}, which is no part of a ${config.architecture} decoder of ${config.layers} blocks`,
  );
}

/** Lazily, so that a claim of a billion blocks ends at the first missing one. */
function* decoderTensors(layers: number): Iterable<[string, Expected]> {
  yield* Object.entries(MODEL);
  for (let layer = 0; layer < layers; layer++) {
    for (const [tensor, expected] of Object.entries(BLOCK)) {
      yield [`blk.${layer}.${tensor}`, expected];
    }
  }
}

/** Heads come in whole groups, channels in rotated pairs. */
function expectHeads(name: string, config: ModelConfig): void {
  const { queryHeads, kvHeads, headDim } = config;
  if (queryHeads % kvHeads !== 0) {
    throw new ModelFormatError(
      `Cannot use ${name}: it has ${queryHeads} query heads and ${kvHeads} key heads, whole groups are needed`,
    );
  }
  if (headDim % 2 !== 0) {
    throw new ModelFormatError(
      `Cannot use ${name}: its head size is ${headDim}, an even one is needed`,
    );
  }
}

/** Whether the tensor is there and the architecture has it; throws if wrong. */
function isFitting(
  name: string,
  tensor: string,
  entry: TensorEntry | undefined,
  expected: Expected,
  config: ModelConfig,
): boolean {
  const shape = expected.shape.map((extent) => extentOf(extent, config));
  const required = expected.required.includes(config.architecture);
  if (!required && !expected.optional.includes(config.architecture)) {
    return false;
  }
  if (entry === undefined && !required) return false;
  if (entry?.shape.join() === shape.join()) return true;
  const state = entry ? `has shape [${entry.shape.join(", ")}]` : "is missing";
  throw new ModelFormatError(
    `Cannot use ${name}: tensor ${tensor} ${state}, shape [${
      shape.join(", ")
    }] is needed`,
  );
}

function extentOf(extent: Extent, config: ModelConfig): number {
  if (extent === "queryWidth") return config.queryHeads * config.headDim;
  if (extent === "kvWidth") return config.kvHeads * config.headDim;
  return config[extent];
}
