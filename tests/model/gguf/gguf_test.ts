import { assert, assertEquals } from "@std/assert";
import type { StoredType } from "../../../kernels/stored.ts";
import { fileSources } from "../../../model/files/files.ts";
import { openGguf } from "../../../model/gguf/gguf.ts";
import { bufferSource } from "../../../model/checkpoint/source.ts";
import { dequantize, encode, tinyGguf, tinyModel } from "../fixtures.ts";
import { changedGguf, ggufTensor } from "../fixtures/gguf.ts";
import { tinyWeights } from "../fixtures/weights.ts";

const ARCHITECTURES = ["llama", "qwen2", "qwen3"] as const;
const TYPES: StoredType[] = ["f32", "f16", "bf16", "q8_0", "q4_0", "q4_1"];
const open = (bytes: Uint8Array) => openGguf(bufferSource("tiny.gguf", bytes));

for (const architecture of ARCHITECTURES) {
  Deno.test(`openGguf() reads the configuration of ${architecture}`, async () => {
    const options = { architecture, headDim: 32, layers: 3, base: 5000 };
    const { config, name } = await open(tinyGguf(options));
    assertEquals(name, "tiny.gguf");
    assertEquals(config, {
      architecture,
      layers: 3,
      embedding: 64,
      feedForward: 96,
      queryHeads: 4,
      kvHeads: 2,
      headDim: 32,
      vocabulary: tinyModel().vocabulary,
      contextLength: 512,
      rmsEpsilon: Math.fround(1e-5),
      rotary: {
        base: 5000,
        pairing: architecture === "llama" ? "adjacent" : "halves",
      },
    });
  });
}

for (const type of TYPES) {
  Deno.test(`openGguf() finds the numbers of ${type} tensors`, async () => {
    const options = { type, architecture: "qwen2" } as const;
    const { tensors } = await open(tinyGguf(options));
    const weights = tinyWeights(tinyModel(options));
    assertEquals([...tensors.keys()], weights.map(({ name }) => name));
    for (const { name, shape, values } of weights) {
      const entry = tensors.get(name)!;
      const stored = shape.length > 1 ? type : "f32";
      assertEquals([entry.type, entry.shape], [stored, shape]);
      const bytes = await entry.source.read(entry.offset, entry.bytes);
      const expected = dequantize(encode(values, stored), stored);
      assertEquals(dequantize(bytes, stored), expected, name);
    }
  });
}

Deno.test("openGguf() takes llama.cpp's defaults for absent keys", async () => {
  const absent = [
    "attention.head_count_kv",
    "attention.key_length",
    "attention.value_length",
    "rope.dimension_count",
    "rope.freq_base",
  ];
  const bytes = changedGguf(
    ({ metadata }) => absent.forEach((key) => metadata.delete(`llama.${key}`)),
    { kvHeads: 4 },
  );
  const { kvHeads, headDim, rotary } = (await open(bytes)).config;
  assertEquals([kvHeads, headDim, rotary.base], [4, 16, 10_000]);
});

Deno.test("openGguf() does without an output matrix and a tokenizer", async () => {
  const bytes = tinyGguf({ tied: true, tokenizer: "none" });
  const { tensors, tokenizer } = await open(bytes);
  assertEquals([tensors.has("output.weight"), tokenizer], [false, undefined]);
});

Deno.test("openGguf() makes one divisor of rope_freqs and linear scaling", async () => {
  const values = new Float32Array([1, 1, 1, 1.5, 2, 4, 8, 8]);
  const tensor = { name: "rope_freqs.weight", shape: [8], values };
  const bytes = changedGguf(
    ({ tensors }) => tensors.push(ggufTensor(tensor, "f32")),
    { linear: 2 },
  );
  const { config, tensors } = await open(bytes);
  assertEquals(config.rotary.divisors, Float64Array.from(values, (x) => 2 * x));
  assert(!tensors.has("rope_freqs.weight"));
});

Deno.test("openGguf() reads a 64-bit count", async () => {
  const bytes = changedGguf(({ metadata }) =>
    metadata.set("llama.context_length", { u64: 4096n })
  );
  assertEquals((await open(bytes)).config.contextLength, 4096);
});

Deno.test("openGguf() reads a long token of a long header whole", async () => {
  // `@huggingface/gguf` would cut it where 2 MB end, our first read ends at 4.
  for (const start of [1_400_000, 3_800_000]) {
    const token = "x".repeat(700_000);
    const bytes = changedGguf(({ metadata }) => {
      const tokens = metadata.get("tokenizer.ggml.tokens") as {
        strings: string[];
      };
      tokens.strings.splice(-1, 1, token);
      metadata.delete("tokenizer.ggml.tokens");
      metadata.set("filler", { string: "y".repeat(start) });
      metadata.set("tokenizer.ggml.tokens", tokens);
    });
    const { vocab } = (await open(bytes)).tokenizer!.tokenizer.model as {
      vocab: Record<string, number>;
    };
    assertEquals(vocab[token], tinyModel().vocabulary - 1);
  }
});

const model = Deno.env.get("GKV_TEST_MODEL");

Deno.test({
  name: `openGguf() opens the real model${
    model ? "" : " (skipped: GKV_TEST_MODEL is not set)"
  }`,
  ignore: !model,
  async fn() {
    const [source] = await fileSources(model!);
    const { config, tensors, tokenizer } = await openGguf(source!);
    assertEquals([config.layers, config.headDim, tensors.size], [30, 64, 272]);
    assertEquals(tensors.get("token_embd.weight")?.shape, [49152, 576]);
    assert(tokenizer!.endTokens.includes(2));
  },
});
