/** Sizes of a decoder that is trained; names as in a model's configuration. */
export interface TwinConfig {
  /** Blocks. */
  readonly layers: number;
  /** Channels of the residual stream. */
  readonly embedding: number;
  /** Channels within SwiGLU. */
  readonly feedForward: number;
  /** Heads that ask; a multiple of `kvHeads`. */
  readonly queryHeads: number;
  /** Heads that are cached. */
  readonly kvHeads: number;
  /** Channels of a head. */
  readonly headDim: number;
  /** Rows of the embedding, which is the output matrix too. */
  readonly vocabulary: number;
  /** Frequency base of the rotary embedding. */
  readonly base: number;
  /** Added to mean squares by the RMS norms. */
  readonly rmsEpsilon: number;
  /** Longest text it is trained on. */
  readonly contextLength: number;
}

/** The decoder of 451,456 parameters that learns `lemma-chain`. */
export const lemmaChainConfig: TwinConfig = {
  layers: 3,
  embedding: 128,
  feedForward: 256,
  queryHeads: 4,
  kvHeads: 2,
  headDim: 32,
  vocabulary: 64,
  base: 10_000,
  rmsEpsilon: 1e-6,
  contextLength: 512,
};

/** A parameter's place in the one array that holds all of them. */
export interface Parameter {
  /** The name that transformers gives it. */
  readonly name: string;
  /**
   * `[inputs, outputs]` of a matrix, the transpose of what transformers
   * stores; `[vocabulary, channels]` of the embedding; `[channels]` of a norm.
   */
  readonly shape: readonly number[];
  /** Where its numbers begin. */
  readonly offset: number;
  /** How many numbers it is. */
  readonly size: number;
}

/** All parameters of a decoder, one after the other. */
export function parametersOf(config: TwinConfig): Parameter[] {
  const { embedding, vocabulary, layers } = config;
  const shapes: [string, number[]][] = [
    ["model.embed_tokens.weight", [vocabulary, embedding]],
    ["model.norm.weight", [embedding]],
  ];
  for (let layer = 0; layer < layers; layer++) {
    for (const [name, shape] of blockShapes(config)) {
      shapes.push([`model.layers.${layer}.${name}.weight`, shape]);
    }
  }
  let offset = 0;
  return shapes.map(([name, shape]) => {
    const size = shape.reduce((product, n) => product * n, 1);
    offset += size;
    return { name, shape, offset: offset - size, size };
  });
}

function blockShapes(config: TwinConfig): [string, number[]][] {
  const { embedding, feedForward, headDim } = config;
  const queries = config.queryHeads * headDim;
  const keys = config.kvHeads * headDim;
  return [
    ["input_layernorm", [embedding]],
    ["self_attn.q_proj", [embedding, queries]],
    ["self_attn.k_proj", [embedding, keys]],
    ["self_attn.v_proj", [embedding, keys]],
    ["self_attn.o_proj", [queries, embedding]],
    ["post_attention_layernorm", [embedding]],
    ["mlp.gate_proj", [embedding, feedForward]],
    ["mlp.up_proj", [embedding, feedForward]],
    ["mlp.down_proj", [feedForward, embedding]],
  ];
}

/** How many numbers the parameters are. */
export function parameterCount(config: TwinConfig): number {
  const { offset, size } = parametersOf(config).at(-1)!;
  return offset + size;
}
