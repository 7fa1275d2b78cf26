import type { Checkpoint, TensorEntry } from "../checkpoint/checkpoint.ts";
import { ModelFormatError } from "../checkpoint/error.ts";
import { Fields } from "../checkpoint/fields.ts";
import { Folder } from "./folder.ts";
import { hfConfig } from "./config.ts";
import { ggufName } from "./names.ts";
import { hfTokenizer } from "./tokenizer.ts";
import { readJson } from "./json.ts";
import { expectTensors } from "../checkpoint/layout.ts";
import { safetensorsEntries } from "./header.ts";
import type { ByteSource } from "../checkpoint/source.ts";

const OUTPUT = "output.weight";

/**
 * Opens the files of a Hugging Face folder of a llama, qwen2 or qwen3 model:
 * `config.json`, `model.safetensors` or `model.safetensors.index.json` with
 * its shards, and the tokenizer's files where there are any. Of the shards
 * only the headers are read.
 *
 * @param sources The files, in any order; others are not looked at.
 * @throws {ModelFormatError} When a file is missing, truncated or corrupt, or
 * the model is of another architecture or lacks what the decoder needs.
 */
export async function openSafetensors(
  sources: ByteSource[],
): Promise<Checkpoint> {
  const folder = new Folder(sources);
  const { name } = folder.get("config.json");
  const fields = new Fields(name, await readJson(folder.get("config.json")));
  const config = hfConfig(fields);
  const tensors = await folderTensors(folder);
  applyTying(fields, tensors);
  const tokenizer = await hfTokenizer(folder);
  const checkpoint = { name, config, tensors, ...tokenizer && { tokenizer } };
  expectTensors(checkpoint);
  return checkpoint;
}

async function folderTensors(
  folder: Folder,
): Promise<Map<string, TensorEntry>> {
  const tensors = new Map<string, TensorEntry>();
  for (const file of await shardNames(folder)) {
    for (const entry of await safetensorsEntries(folder.get(file))) {
      addTensor(tensors, entry);
    }
  }
  return tensors;
}

async function shardNames(folder: Folder): Promise<Set<string>> {
  const file = "model.safetensors.index.json";
  const index = await folder.json(file);
  if (index === undefined) return new Set(["model.safetensors"]);
  const map = index.inner("weight_map") ??
    index.fail("weight_map", "the tensors' files are needed");
  return new Set(map.names().map((tensor) => map.text(tensor)));
}

function addTensor(
  tensors: Map<string, TensorEntry>,
  entry: TensorEntry,
): void {
  const name = ggufName(entry.name);
  // Files from before transformers 4.32 hold what follows from config.json.
  if (name.endsWith(".rotary_emb.inv_freq")) return;
  if (tensors.has(name)) {
    throw new ModelFormatError(
      `Cannot open ${entry.source.name}: tensor ${entry.name} is there twice, single ones are needed`,
    );
  }
  tensors.set(name, { ...entry, name });
}

/** A tied model's output is its embedding, even where the file has one. */
function applyTying(fields: Fields, tensors: Map<string, TensorEntry>): void {
  const field = "tie_word_embeddings";
  if (fields.get(field) === true) tensors.delete(OUTPUT);
  else if (!tensors.has(OUTPUT)) {
    fields.fail(field, "true, or a tensor lm_head.weight is needed");
  }
}
