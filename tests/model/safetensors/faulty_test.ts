import { assert, assertRejects } from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { openSafetensors } from "../../../model/safetensors/safetensors.ts";
import {
  bufferSource,
  type ByteSource,
} from "../../../model/checkpoint/source.ts";
import { randomUniform, tinyFolder, tinyModel } from "../fixtures.ts";
import {
  changedFolder,
  folderFiles,
  hfTensors,
  sourcesOf,
  withFile,
  writeSafetensors,
} from "../fixtures/folder.ts";
import { below, mutate, opens } from "../fixtures/fuzz.ts";

/** More than the JSON at the start of a tiny safetensors file. */
const HEADER = 3000;
const WEIGHTS = "model.safetensors";

const config = (field: string, value: unknown) =>
  changedFolder("config.json", (fields) => fields[field] = value);

/** A folder whose weights begin with this length and header. */
function header(length: bigint, text: string): ByteSource[] {
  const bytes = new Uint8Array(8 + text.length + 64);
  new DataView(bytes.buffer).setBigUint64(0, length, true);
  bytes.set(new TextEncoder().encode(text), 8);
  return withFile(WEIGHTS, bytes);
}

/** A folder whose weights are one tensor of this description. */
function tensor(description: Record<string, unknown>): ByteSource[] {
  const text = JSON.stringify({ "model.norm.weight": description });
  return header(BigInt(text.length), text);
}

const without = (file: string, shards = 1) =>
  tinyFolder({}, shards).filter(({ name }) => name !== file);

/** Two shards of which the second has all tensors of the first. */
function doubled(): ByteSource[] {
  const files = folderFiles(tinyModel(), 2);
  const [first, second] = [1, 2].map((n) =>
    `model-0000${n}-of-00002.safetensors`
  );
  return sourcesOf(files.set(second!, files.get(first!)!));
}

const outputOnly = () =>
  withFile(
    WEIGHTS,
    writeSafetensors(
      hfTensors(tinyModel()).filter(({ name }) => name === "lm_head.weight"),
      "f32",
    ),
  );

const REFUSED: [string, () => ByteSource[], RegExp][] = [
  [
    "a folder without a configuration",
    () => without("config.json"),
    /config.json is not among/,
  ],
  [
    "a folder without weights",
    () => without(WEIGHTS),
    /model.safetensors is not among/,
  ],
  [
    "a folder without a shard",
    () => without("model-00002-of-00003.safetensors", 3),
    /model-00002-of-00003.safetensors is not among/,
  ],
  [
    "a configuration that is no JSON",
    () => withFile("config.json", new Uint8Array([123])),
    /config.json: .* JSON is needed/,
  ],
  [
    "a configuration that is no object",
    () => withFile("config.json", new Uint8Array([91, 93])),
    /config.json: .* an object is needed/,
  ],
  [
    "an index without a map",
    () =>
      changedFolder(
        "model.safetensors.index.json",
        (f) => delete f.weight_map,
        {},
        2,
      ),
    /weight_map is missing/,
  ],
  [
    "another architecture",
    () => config("architectures", ["GPT2LMHeadModel"]),
    /architectures is \["GPT2LMHeadModel"\], one of LlamaForCausalLM/,
  ],
  [
    "another activation",
    () => config("hidden_act", "gelu"),
    /hidden_act is "gelu", silu is needed/,
  ],
  [
    "a sliding window",
    () => config("use_sliding_window", true),
    /use_sliding_window is true/,
  ],
  [
    "dynamic rotary scaling",
    () => config("rope_scaling", { rope_type: "dynamic", factor: 2 }),
    /rope_scaling.rope_type is "dynamic", default, linear or llama3/,
  ],
  [
    "rotary scaling without a factor",
    () => config("rope_scaling", { rope_type: "linear" }),
    /rope_scaling.factor is missing/,
  ],
  [
    "rotary scaling that is no object",
    () => config("rope_scaling", "linear"),
    /rope_scaling is "linear", an object/,
  ],
  [
    "partial rotary embedding",
    () => config("partial_rotary_factor", 0.5),
    /partial_rotary_factor is 0.5/,
  ],
  [
    "an absurd width",
    () => config("hidden_size", 2 ** 40),
    /hidden_size is 1099511627776/,
  ],
  [
    "a width that is no number",
    () => config("hidden_size", "64"),
    /hidden_size is "64"/,
  ],
  ["an odd head size", () => config("head_dim", 15), /head size is 15/],
  [
    "a wrong shape",
    () => config("vocab_size", 301),
    /token_embd.weight has shape \[\d+, 64\], shape \[301, 64\]/,
  ],
  [
    "end tokens that are no ids",
    () => config("eos_token_id", ["x"]),
    /eos_token_id is \["x"\], token ids/,
  ],
  [
    "an untied model without an output",
    () =>
      config("tie_word_embeddings", false).map((s) =>
        s.name === WEIGHTS
          ? tinyFolder({ tied: true }).find((t) => t.name === WEIGHTS)!
          : s
      ),
    /tie_word_embeddings is false, true, or a tensor lm_head.weight/,
  ],
  [
    "a file shorter than its length field",
    () => withFile(WEIGHTS, new Uint8Array(5)),
    /model.safetensors: it ends at byte 5/,
  ],
  [
    "an absurd header length",
    () => header(2n ** 62n, "{}"),
    /header length is 4611686018427388000, at most 66 fit/,
  ],
  [
    "a header that is no JSON",
    () => header(2n, "{]"),
    /model.safetensors: .* JSON is needed/,
  ],
  [
    "a tensor that is no object",
    () => header(25n, `{"model.norm.weight": 64}`),
    /model.norm.weight is 64, an object/,
  ],
  [
    "another tensor type",
    () => tensor({ dtype: "F8_E4M3", shape: [64], data_offsets: [0, 64] }),
    /model.norm.weight.dtype is "F8_E4M3", one of F32, F16, BF16/,
  ],
  [
    "a type from the prototype",
    () => tensor({ dtype: "constructor", shape: [64], data_offsets: [0, 64] }),
    /dtype is "constructor"/,
  ],
  [
    "a shape that is no list",
    () => tensor({ dtype: "F32", shape: 64, data_offsets: [0, 64] }),
    /shape is 64, a list of whole numbers/,
  ],
  [
    "a negative shape",
    () => tensor({ dtype: "F32", shape: [-1, -16], data_offsets: [0, 64] }),
    /shape is \[-1, -16\]/,
  ],
  [
    "an empty tensor",
    () => tensor({ dtype: "F32", shape: [0], data_offsets: [0, 0] }),
    /data_offsets is \[0, 0\]/,
  ],
  [
    "offsets that do not fit the shape",
    () => tensor({ dtype: "F32", shape: [15], data_offsets: [0, 64] }),
    /data_offsets is \[0, 64\], 60 bytes/,
  ],
  [
    "offsets outside the file",
    () => tensor({ dtype: "F32", shape: [16], data_offsets: [8, 72] }),
    /data_offsets is \[8, 72\], 64 bytes within the file's 64/,
  ],
  [
    "an absurd shape",
    () =>
      tensor({
        dtype: "F32",
        shape: [2 ** 50, 2 ** 50],
        data_offsets: [0, 64],
      }),
    /data_offsets is/,
  ],
  [
    "a tensor that is there twice",
    doubled,
    /00002.safetensors: tensor model.\S+ is there twice/,
  ],
  [
    "a missing tensor",
    outputOnly,
    /token_embd.weight is missing, shape \[\d+, 64\] is needed/,
  ],
];

for (const [what, sources, message] of REFUSED) {
  Deno.test(`openSafetensors() refuses ${what}`, async () => {
    const error = await assertRejects(
      () => openSafetensors(sources()),
      ModelFormatError,
    );
    assert(message.test(error.message), error.message);
  });
}

Deno.test("openSafetensors() does not read a header above the format's 100 MB", async () => {
  const reads: number[] = [];
  const huge: ByteSource = {
    name: WEIGHTS,
    size: 1e12,
    read: (_offset, length) => {
      reads.push(length);
      const bytes = new Uint8Array(length);
      new DataView(bytes.buffer).setBigUint64(0, 200_000_000n, true);
      return Promise.resolve(bytes);
    },
  };
  const sources = [...without(WEIGHTS), huge];
  await assertRejects(() => openSafetensors(sources), ModelFormatError);
  assert(Math.max(...reads) === 8, `${reads}`);
});

Deno.test("openSafetensors() opens or refuses 3,000 faulty folders", async () => {
  const random = randomUniform(21);
  const files = [...folderFiles(tinyModel({ layers: 1 }), 2)];
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const hit = below(random, files.length);
    const sources = files.map(([name, bytes], file) =>
      bufferSource(name, file === hit ? mutate(bytes, HEADER, random) : bytes)
    );
    if (!await opens(() => openSafetensors(sources))) refused++;
  }
  assert(refused > 1000 && refused < 3000, `${refused}`);
});
