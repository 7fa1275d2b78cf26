import { assert, assertRejects } from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { openGguf } from "../../../model/gguf/gguf.ts";
import {
  bufferSource,
  type ByteSource,
} from "../../../model/checkpoint/source.ts";
import { randomUniform, tinyGguf } from "../fixtures.ts";
import { mutate, opens } from "../fixtures/fuzz.ts";
import { changedGguf, ggufTensor, type GgufValue } from "../fixtures/gguf.ts";

/** Roughly the bytes of a tiny model's header. */
const HEADER = 10_000;

const open = (bytes: Uint8Array) => openGguf(bufferSource("tiny.gguf", bytes));

const setting = (key: string, value: GgufValue) =>
  changedGguf(({ metadata }) => metadata.set(key, value));

/** A tiny file in which 8 bytes are written over. */
function overwritten(offset: number, value: bigint): Uint8Array {
  const bytes = tinyGguf();
  new DataView(bytes.buffer).setBigUint64(offset, value, true);
  return bytes;
}

const REFUSED: [string, () => Uint8Array, RegExp][] = [
  ["an empty file", () => new Uint8Array(), /magic number ends at byte 4/],
  ["a wrong magic number", () => overwritten(0, 7n), /magic number is "/],
  ["a wrong version", () => changedGguf((p) => p.version = 4), /version is 4/],
  [
    "a file of big-endian numbers",
    () => changedGguf((p) => p.version = 3 << 24),
    /version/,
  ],
  [
    "an absurd tensor count",
    () => overwritten(8, 2n ** 60n),
    /tensor_count is 1152921504606847000, at most \d+ fit/,
  ],
  ["an absurd field count", () => overwritten(16, 2n ** 63n), /kv_count is/],
  [
    "more fields than a model has",
    () =>
      changedGguf(({ metadata }) => {
        for (let i = 0; i < 65_536; i++) metadata.set(`${i}`, { u32: i });
      }),
    /kv_count is \d+, at most 65536 fit/,
  ],
  ["an absurd key", () => overwritten(24, 2n ** 40n), /length of key 0 is/],
  [
    "an absurd string",
    () => overwritten(56, 2n ** 40n),
    /string length in general.architecture is/,
  ],
  [
    "another architecture",
    () => setting("general.architecture", { string: "gemma3" }),
    /general.architecture is "gemma3", one of llama, qwen2, qwen3/,
  ],
  [
    "a missing field",
    () => changedGguf((p) => p.metadata.delete("llama.block_count")),
    /llama.block_count is missing/,
  ],
  [
    "a field of another kind",
    () => setting("llama.block_count", { string: "2" }),
    /llama.block_count is "2", a whole number/,
  ],
  [
    "a list of head counts",
    () => setting("llama.attention.head_count_kv", { i32s: [2, 2] }),
    /head_count_kv is \[2, 2\], a whole number/,
  ],
  [
    "a billion blocks",
    () => setting("llama.block_count", { u32: 1e9 }),
    /blk.2.attn_norm.weight is missing/,
  ],
  [
    "fewer blocks than tensors",
    () => setting("llama.block_count", { u32: 1 }),
    /blk.1.\S+, which is no part/,
  ],
  [
    "heads that make no groups",
    () => setting("llama.attention.head_count", { u32: 3 }),
    /3 query heads and 2 key heads/,
  ],
  [
    "a wrong width",
    () => setting("llama.feed_forward_length", { u32: 97 }),
    /blk.0.ffn_gate.weight has shape \[96, 64\], shape \[97, 64\] is needed/,
  ],
  [
    "partial rotary embedding",
    () => setting("llama.rope.dimension_count", { u32: 8 }),
    /rope.dimension_count is 8, the head size, 16/,
  ],
  [
    "yarn scaling",
    () => setting("llama.rope.scaling.type", { string: "yarn" }),
    /rope.scaling.type is "yarn"/,
  ],
  [
    "one part of several",
    () => setting("split.count", { u32: 3 }),
    /split.count is 3/,
  ],
  [
    "an odd alignment",
    () => setting("general.alignment", { u32: 24 }),
    /general.alignment is 24/,
  ],
  [
    "a tensor that is not aligned",
    () => setting("general.alignment", { u32: 512 }),
    /blk.0.attn_q.weight .* starts at byte \d+, a multiple of 512 is needed/,
  ],
  [
    "another tensor type",
    () => changedGguf((p) => p.tensors[1]!.type = 12),
    /blk.0.attn_norm.weight of type Q4_K .* f32, f16, bf16, q8_0, q4_0, q4_1 can/,
  ],
  [
    "an unknown tensor type",
    () => changedGguf((p) => p.tensors[1]!.type = 99),
    /of type 99/,
  ],
  [
    "a tensor without dimensions",
    () => changedGguf((p) => p.tensors[1]!.shape = []),
    /has 0 dimensions/,
  ],
  [
    "a tensor of five dimensions",
    () => changedGguf((p) => p.tensors[1]!.shape = [1, 1, 1, 1, 64]),
    /has 5 dimensions/,
  ],
  [
    "an empty tensor",
    () => changedGguf((p) => p.tensors[1]!.shape = [0]),
    /takes 0 bytes/,
  ],
  [
    "a tensor larger than the file",
    () => changedGguf((p) => p.tensors[1]!.shape = [2 ** 31, 2 ** 31]),
    /attn_norm.weight .* takes \d+ bytes/,
  ],
  [
    "rows of broken blocks",
    () =>
      changedGguf((p) => p.tensors[0]!.shape = [128, 150], { type: "q8_0" }),
    /token_embd.weight .* whole blocks/,
  ],
  [
    "a missing tensor",
    () => changedGguf((p) => p.tensors.splice(2, 1)),
    /blk.0.attn_q.weight is missing, shape \[64, 64\]/,
  ],
  [
    "a tensor that is there twice",
    () => changedGguf((p) => p.tensors.push(p.tensors[1]!)),
    /attn_norm.weight .* twice/,
  ],
  [
    "a tensor that would be left out",
    () =>
      changedGguf(({ tensors }) =>
        tensors.push({ ...tensors[1]!, name: "blk.0.attn_output.bias" })
      ),
    /blk.0.attn_output.bias, which is no part of a llama decoder/,
  ],
  [
    "an embedding that is missing",
    () => changedGguf((p) => p.tensors.shift()),
    /token_embd.weight is missing/,
  ],
  [
    "a file without its last bytes",
    () => tinyGguf().slice(0, -1),
    /output.weight .* takes/,
  ],
];

for (const [what, bytes, message] of REFUSED) {
  Deno.test(`openGguf() refuses ${what}`, async () => {
    const error = await assertRejects(() => open(bytes()), ModelFormatError);
    assert(message.test(error.message), error.message);
    assert(error.message.includes("tiny.gguf"), error.message);
  });
}

Deno.test("openGguf() refuses rotary divisors that are no numbers", async () => {
  const values = new Float32Array(8).fill(NaN);
  const tensor = { name: "rope_freqs.weight", shape: [8], values };
  const bytes = changedGguf((p) => p.tensors.push(ggufTensor(tensor, "f32")));
  await assertRejects(() => open(bytes), ModelFormatError, "holds NaN");
});

/** A file of a terabyte, zeros after the given bytes; counts what is read. */
function hugeSource(start: Uint8Array): ByteSource & { bytesRead: number } {
  return {
    name: "huge.gguf",
    size: 1e12,
    bytesRead: 0,
    read(offset, length) {
      this.bytesRead += length;
      const bytes = new Uint8Array(length);
      bytes.set(start.subarray(offset, offset + length));
      return Promise.resolve(bytes);
    },
  };
}

Deno.test("openGguf() reads no more than the header of a large file", async () => {
  const source = hugeSource(tinyGguf());
  await openGguf(source);
  assert(source.bytesRead <= 4_000_000, `${source.bytesRead}`);
});

Deno.test("openGguf() does not read what a large file's header claims", async () => {
  for (
    const [offset, claim] of [[8, 2n ** 40n], [16, 10n ** 7n], [24, 10n ** 10n]]
  ) {
    const source = hugeSource(overwritten(Number(offset), BigInt(claim!)));
    await assertRejects(() => openGguf(source), ModelFormatError);
    assert(source.bytesRead <= 70_000_000, `${source.bytesRead}`);
  }
});

Deno.test("openGguf() opens or refuses 3,000 faulty files", async () => {
  const random = randomUniform(20);
  const good = (["gpt2", "llama"] as const).map((tokenizer) =>
    tinyGguf({ tokenizer, type: "q8_0", layers: 1 })
  );
  let refused = 0;
  for (let i = 0; i < 3000; i++) {
    const bytes = mutate(good[i % 2]!, HEADER, random);
    if (!await opens(() => open(bytes))) refused++;
  }
  assert(refused > 1000 && refused < 3000, `${refused}`);
});
