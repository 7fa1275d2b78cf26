import { nn, numpy as np } from "@jax-js/jax";
import { RotaryAngles } from "../model/rotary.ts";
import type { TwinConfig } from "./twin_config.ts";

/** Parameters by the names that transformers gives them. */
export type Parameters = Record<string, np.Array>;

/** What a mask adds to the logits of attention: exp() of it is 0. */
const HIDDEN = -1e9;

/** Most queries whose attention is computed at once. */
const BLOCK = 128;

/**
 * The forward pass of `model/decoder.ts` in jax-js, over whole texts, to be
 * differentiated. As every function on jax-js arrays, it uses up those that
 * it is given.
 *
 * @param ids `i32 [rows, tokens]`.
 * @param until `i32 [rows, layers, kvHeads, tokens]`: the first position that
 * does not see a token's key; see {@linkcode everVisible}.
 * @returns Logits `[rows * tokens, vocabulary]`.
 */
export function twinLogits(
  config: TwinConfig,
  parameters: Parameters,
  ids: np.Array,
  until: np.Array,
): np.Array {
  const [rows, tokens] = ids.shape as [number, number];
  const embedding = parameters["model.embed_tokens.weight"]!;
  const angles = rotaryAngles(config, tokens);
  let x = np.take(embedding.ref, ids.reshape([rows * tokens]), 0);
  for (let layer = 0; layer < config.layers; layer++) {
    const weight = (name: string) =>
      parameters[`model.layers.${layer}.${name}.weight`]!.ref;
    const normed = rmsNorm(x.ref, weight("input_layernorm"), config);
    const ends = until.ref.slice([], layer);
    const attended = attention(config, weight, normed, ends, angles, tokens);
    x = x.add(np.matmul(attended, weight("self_attn.o_proj")));
    const h = rmsNorm(x.ref, weight("post_attention_layernorm"), config);
    const gate = nn.silu(np.matmul(h.ref, weight("mlp.gate_proj")));
    const hidden = gate.mul(np.matmul(h, weight("mlp.up_proj")));
    x = x.add(np.matmul(hidden, weight("mlp.down_proj")));
  }
  for (const array of [until, ...angles]) array.dispose();
  const last = rmsNorm(x, parameters["model.norm.weight"]!.ref, config);
  return np.matmul(last, embedding.ref.transpose());
}

/** `until` of texts in which every key stays visible. */
export function everVisible(
  { layers, kvHeads }: Pick<TwinConfig, "layers" | "kvHeads">,
  rows: number,
  tokens: number,
): Int32Array<ArrayBuffer> {
  return new Int32Array(rows * layers * kvHeads * tokens).fill(2 ** 30);
}

function rmsNorm(
  x: np.Array,
  weight: np.Array,
  { rmsEpsilon }: TwinConfig,
): np.Array {
  const meanSquare = np.mean(np.square(x.ref), -1, { keepdims: true });
  const scale = np.reciprocal(np.sqrt(meanSquare.add(rmsEpsilon)));
  return x.mul(scale).mul(weight);
}

/** Cosines and sines `[tokens, 1, headDim / 2]`. */
function rotaryAngles(
  { base, headDim }: TwinConfig,
  tokens: number,
): [np.Array, np.Array] {
  const angles = new RotaryAngles({ base, pairing: "halves" }, headDim);
  const both = new Float32Array(tokens * headDim);
  angles.fill(both, 0, tokens);
  const [cosines, sines] = [0, 1].map((part) =>
    both.filter((_, i) => i % 2 === part)
  );
  const shape = [tokens, 1, headDim / 2];
  return [np.array(cosines!, { shape }), np.array(sines!, { shape })];
}

/** x `[rows, tokens, heads, headDim]`. */
function rotate(x: np.Array, [cosines, sines]: [np.Array, np.Array]): np.Array {
  const half = x.shape[3]! / 2;
  const first = x.ref.slice([], [], [], [0, half]);
  const second = x.slice([], [], [], [half, 2 * half]);
  return np.concatenate([
    first.ref.mul(cosines.ref).sub(second.ref.mul(sines.ref)),
    second.mul(cosines.ref).add(first.mul(sines.ref)),
  ], -1);
}

/** x `[rows * tokens, embedding]`, ends `i32 [rows, kvHeads, tokens]`. */
function attention(
  { queryHeads, kvHeads, headDim }: TwinConfig,
  weight: (name: string) => np.Array,
  x: np.Array,
  ends: np.Array,
  angles: [np.Array, np.Array],
  tokens: number,
): np.Array {
  const heads = (name: string, count: number, input: np.Array) =>
    np.matmul(input, weight(name)).reshape([-1, tokens, count, headDim]);
  const group = queryHeads / kvHeads;
  const rows = x.shape[0]! / tokens;
  const q = rotate(heads("self_attn.q_proj", queryHeads, x.ref), angles)
    .mul(1 / Math.sqrt(headDim))
    .reshape([rows, tokens, kvHeads, group, headDim])
    .transpose([0, 2, 3, 1, 4]);
  const k = rotate(heads("self_attn.k_proj", kvHeads, x.ref), angles)
    .transpose([0, 2, 3, 1]).reshape([rows, kvHeads, 1, headDim, tokens]);
  const v = heads("self_attn.v_proj", kvHeads, x)
    .transpose([0, 2, 1, 3]).reshape([rows, kvHeads, 1, tokens, headDim]);
  const parts = blocksOf(tokens).map(([from, to]) =>
    blockAttention(q.ref, k.ref, v.ref, ends.ref, from, to)
  );
  for (const array of [q, k, v, ends]) array.dispose();
  return np.concatenate(parts, 3).transpose([0, 3, 1, 2, 4])
    .reshape([rows * tokens, queryHeads * headDim]);
}

/**
 * Queries in blocks: a block leaves out the keys after it, which for 496
 * tokens is three eighths of the work of attention.
 */
function blocksOf(tokens: number): [from: number, to: number][] {
  const blocks = Math.ceil(tokens / BLOCK);
  const size = Math.ceil(tokens / blocks);
  return Array.from({ length: blocks }, (_, i) => [
    i * size,
    Math.min(tokens, (i + 1) * size),
  ]);
}

/** Queries `from … to` over the keys before `to`. */
function blockAttention(
  q: np.Array,
  k: np.Array,
  v: np.Array,
  ends: np.Array,
  from: number,
  to: number,
): np.Array {
  const queries = q.slice([], [], [], [from, to]);
  const keys = k.slice([], [], [], [], [0, to]);
  const values = v.slice([], [], [], [0, to]);
  const bias = blockBias(ends.slice([], [], [0, to]), from, to);
  const logits = np.matmul(queries, keys).add(bias);
  return np.matmul(nn.softmax(logits, -1), values);
}

/** `[rows, kvHeads, 1, queries, keys]`: 0 where a query sees a key. */
function blockBias(ends: np.Array, from: number, to: number): np.Array {
  const [rows, kvHeads] = ends.shape as [number, number];
  const query = np.arange(from, to).reshape([to - from, 1]);
  const key = np.arange(0, to).reshape([1, to]);
  const cached = np.less(query.ref, ends.reshape([rows, kvHeads, 1, 1, to]));
  const causal = np.where(np.lessEqual(key, query), 0, HIDDEN);
  return np.where(cached, 0, HIDDEN).add(causal);
}
