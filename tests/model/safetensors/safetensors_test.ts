import { assert, assertEquals } from "@std/assert";
import type { Checkpoint } from "../../../model/checkpoint/checkpoint.ts";
import type { StoredType } from "../../../kernels/stored.ts";
import { fileSources } from "../../../model/files/files.ts";
import { openGguf } from "../../../model/gguf/gguf.ts";
import { openSafetensors } from "../../../model/safetensors/safetensors.ts";
import { bufferSource } from "../../../model/checkpoint/source.ts";
import { dequantize, tinyFolder, tinyGguf, tinyModel } from "../fixtures.ts";
import {
  changedFolder,
  hfTensors,
  withFile,
  writeSafetensors,
} from "../fixtures/folder.ts";
import { tinyWeights } from "../fixtures/weights.ts";

const ARCHITECTURES = ["llama", "qwen2", "qwen3"] as const;
const TYPES: StoredType[] = ["f32", "f16", "bf16"];

const json = (value: unknown) =>
  new TextEncoder().encode(JSON.stringify(value));

async function numbers(
  { tensors }: Checkpoint,
  name: string,
): Promise<Float64Array> {
  const { source, offset, bytes, type } = tensors.get(name)!;
  return dequantize(await source.read(offset, bytes), type);
}

for (const architecture of ARCHITECTURES) {
  Deno.test(`openSafetensors() reads what openGguf() reads of ${architecture}`, async () => {
    const options = { architecture, headDim: 32, linear: 4, base: 5000 };
    const folder = await openSafetensors(tinyFolder(options, 2));
    const file = await openGguf(bufferSource("tiny.gguf", tinyGguf(options)));
    // Frequencies are the same, whichever channels they turn.
    file.config.rotary.pairing = "halves";
    file.config.rmsEpsilon = 1e-5;
    assertEquals(folder.config, file.config);
    assertEquals(shapes(folder), shapes(file));
    assertEquals(folder.tokenizer?.endTokens, file.tokenizer?.endTokens);
  });
}

function shapes({ tensors }: Checkpoint): [string, number[]][] {
  return [...tensors.values()]
    .map(({ name, shape }): [string, number[]] => [name, shape])
    .sort(([a], [b]) => a < b ? -1 : 1);
}

for (const type of TYPES) {
  Deno.test(`openSafetensors() finds the numbers of ${type} tensors`, async () => {
    const checkpoint = await openSafetensors(tinyFolder({ type }, 3));
    for (const { name, values } of tinyWeights(tinyModel({ type }))) {
      const expected = Float64Array.from(values);
      assertEquals(await numbers(checkpoint, name), expected, name);
    }
  });
}

Deno.test("openSafetensors() opens what transformers saved", async () => {
  for (const architecture of ARCHITECTURES) {
    const path =
      new URL(`../folders/${architecture}`, import.meta.url).pathname;
    const { config, tokenizer } = await openSafetensors(
      await fileSources(path),
    );
    assertEquals(config.architecture, architecture);
    assertEquals(tokenizer?.endTokens, [0, 2]);
    assert(`${tokenizer?.config.chat_template}`.includes("im_start"));
  }
});

Deno.test("openSafetensors() scales frequencies as transformers does for llama3", async () => {
  const path = new URL("../folders/llama", import.meta.url).pathname;
  const { rotary } = (await openSafetensors(await fileSources(path))).config;
  // `model.model.rotary_emb.inv_freq` of the model that make.py saved.
  const frequencies = [1, 0.25465, 0.025465, 0.0079057, 0.0025];
  frequencies.forEach((expected, i) => {
    const frequency = rotary.base ** (-i / 8) / rotary.divisors![i]!;
    assert(Math.abs(frequency / expected - 1) < 1e-4, `${i}: ${frequency}`);
  });
});

Deno.test("openSafetensors() takes rope_scaling with a type, as files before transformers 4.45 have it", async () => {
  const sources = changedFolder("config.json", (config) => {
    config.rope_scaling = { type: "linear", factor: 8 };
  });
  const { rotary } = (await openSafetensors(sources)).config;
  assertEquals(rotary.divisors, new Float64Array(8).fill(8));
});

Deno.test("openSafetensors() takes transformers' defaults for absent fields", async () => {
  const absent = [
    "num_key_value_heads",
    "head_dim",
    "rope_theta",
    "rope_scaling",
  ];
  const sources = changedFolder("config.json", (config) => {
    absent.forEach((field) => delete config[field]);
  }, { kvHeads: 4 });
  const { kvHeads, headDim, rotary } = (await openSafetensors(sources)).config;
  assertEquals([kvHeads, headDim], [4, 16]);
  assertEquals(rotary, { base: 10_000, pairing: "halves" });
});

Deno.test("openSafetensors() leaves out the output matrix of a tied model", async () => {
  const sources = changedFolder("config.json", (config) => {
    config.tie_word_embeddings = true;
  });
  const { tensors } = await openSafetensors(sources);
  assert(!tensors.has("output.weight"));
});

Deno.test("openSafetensors() takes end tokens from every file that names them", async () => {
  const sources = changedFolder("generation_config.json", (config) => {
    config.eos_token_id = 77;
  });
  const { tokenizer } = await openSafetensors(sources);
  assertEquals(tokenizer?.endTokens, [0, 2, 77]);
});

Deno.test("openSafetensors() takes the end token that only tokenizer_config.json names", async () => {
  const sources = changedFolder("tokenizer.json", (tokenizer) => {
    tokenizer.added_tokens = [{ id: 9, content: "<stop>" }];
  }).map((source) =>
    source.name === "tokenizer_config.json"
      ? bufferSource(source.name, json({ eos_token: { content: "<stop>" } }))
      : source
  );
  const { tokenizer } = await openSafetensors(sources);
  assertEquals(tokenizer?.endTokens, [0, 2, 9]);
});

Deno.test("openSafetensors() leaves out rotary frequencies that old files hold", async () => {
  const name = "model.layers.0.self_attn.rotary_emb.inv_freq";
  const old = { name, shape: [8], values: new Float32Array(8) };
  const sources = withFile(
    "model.safetensors",
    writeSafetensors([...hfTensors(tinyModel()), old], "f32"),
  );
  const { tensors } = await openSafetensors(sources);
  assertEquals(tensors.size, tinyWeights(tinyModel()).length);
});

Deno.test("openSafetensors() prefers chat_template.jinja", async () => {
  const template = bufferSource(
    "chat_template.jinja",
    new TextEncoder().encode("{{ x }}"),
  );
  const { tokenizer } = await openSafetensors([...tinyFolder(), template]);
  assertEquals(tokenizer?.config.chat_template, "{{ x }}");
});

Deno.test("openSafetensors() does without a tokenizer", async () => {
  const { tokenizer } = await openSafetensors(
    tinyFolder({ tokenizer: "none" }),
  );
  assertEquals(tokenizer, undefined);
});
