/** Names outside the blocks: transformers' to GGUF's. */
const MODEL: Record<string, string> = {
  "model.embed_tokens": "token_embd",
  "model.norm": "output_norm",
  "lm_head": "output",
};

/** Names inside block N: after `model.layers.N.` and after `blk.N.`. */
const BLOCK: Record<string, string> = {
  "input_layernorm": "attn_norm",
  "self_attn.q_proj": "attn_q",
  "self_attn.k_proj": "attn_k",
  "self_attn.v_proj": "attn_v",
  "self_attn.o_proj": "attn_output",
  "self_attn.q_norm": "attn_q_norm",
  "self_attn.k_norm": "attn_k_norm",
  "post_attention_layernorm": "ffn_norm",
  "mlp.gate_proj": "ffn_gate",
  "mlp.up_proj": "ffn_up",
  "mlp.down_proj": "ffn_down",
};

/**
 * The GGUF name of a tensor that transformers names, or that name itself when
 * the decoder has no such tensor.
 */
export function ggufName(name: string): string {
  const [, layer, module = "", kind] =
    /^(?:model\.layers\.(\d+)\.)?(.+)\.(weight|bias)$/.exec(name) ?? [];
  const table = layer === undefined ? MODEL : BLOCK;
  if (!Object.hasOwn(table, module)) return name;
  const prefix = layer === undefined ? "" : `blk.${layer}.`;
  return `${prefix}${table[module]}.${kind}`;
}
