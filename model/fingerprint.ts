import type { Checkpoint, TensorEntry } from "./checkpoint/checkpoint.ts";

/** Bytes that are looked at of a tensor. */
const SAMPLE = 4096;

/**
 * Which model a checkpoint is, in hexadecimal: SHA-256 of its configuration,
 * its tokenizer, the names, types and shapes of its tensors, and the first
 * 4 KiB of some of them. Those of the first and the last block are the ones
 * that fine-tuning changes, even if it only changes attention.
 */
export async function fingerprintOf(checkpoint: Checkpoint): Promise<string> {
  const { config, tokenizer, tensors } = checkpoint;
  const { divisors } = config.rotary;
  const directory = [...tensors.values()]
    .map(({ name, type, shape }) => [name, type, shape])
    .sort(([a], [b]) => a < b ? -1 : 1);
  const facts = JSON.stringify([
    {
      ...config,
      rotary: { ...config.rotary, divisors: divisors && [...divisors] },
    },
    tokenizer,
    directory,
  ]);
  const samples = samplesOf(config.layers).flatMap((name) =>
    tensors.get(name) ?? []
  );
  const pieces = await Promise.all(samples.map(read));
  const blob = new Blob([facts, ...pieces as BlobPart[]]);
  const digest = await crypto.subtle.digest(
    "SHA-256",
    await blob.arrayBuffer(),
  );
  const hex = (byte: number) => byte.toString(16).padStart(2, "0");
  return Array.from(new Uint8Array(digest), hex).join("");
}

function samplesOf(layers: number): string[] {
  const blocks = [...new Set([0, layers - 1])].flatMap((i) =>
    ["attn_q", "attn_v", "ffn_down"].map((name) => `blk.${i}.${name}.weight`)
  );
  return ["token_embd.weight", "output_norm.weight", ...blocks];
}

function read({ source, offset, bytes }: TensorEntry): Promise<Uint8Array> {
  return source.read(offset, Math.min(SAMPLE, bytes));
}
