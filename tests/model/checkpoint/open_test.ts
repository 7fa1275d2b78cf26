import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { openCheckpoint } from "../../../model/checkpoint/open.ts";
import { blobSource, bufferSource } from "../../../model/checkpoint/source.ts";
import { tinyFolder, tinyGguf } from "../fixtures.ts";

Deno.test("openCheckpoint() tells GGUF by its first bytes, whatever its name", async () => {
  const source = bufferSource("sha256-1f2e", tinyGguf());
  const { name, config } = await openCheckpoint([source]);
  assertEquals([name, config.rotary.pairing], ["sha256-1f2e", "adjacent"]);
});

Deno.test("openCheckpoint() reads a Blob", async () => {
  const source = blobSource("tiny.gguf", new Blob([tinyGguf().slice()]));
  assertEquals((await openCheckpoint([source])).config.layers, 2);
});

Deno.test("openCheckpoint() tells a folder by its config.json", async () => {
  const { name, config } = await openCheckpoint(tinyFolder({}, 2));
  assertEquals([name, config.rotary.pairing], ["config.json", "halves"]);
});

Deno.test("openCheckpoint() finds files of a folder whose names have a path", async () => {
  const sources = tinyFolder({}, 2).map((source) => ({
    ...source,
    name: `/models/tiny/${source.name}`,
  }));
  const { name } = await openCheckpoint(sources);
  assertEquals(name, "/models/tiny/config.json");
});

Deno.test("openCheckpoint() refuses what is neither, naming the files", async () => {
  const gguf = bufferSource("a.gguf", tinyGguf());
  const wrong = [
    [],
    [bufferSource("a.bin", new Uint8Array(3))],
    [bufferSource("a.bin", new Uint8Array(100))],
    [gguf, bufferSource("a.bin", new Uint8Array(100))],
    tinyFolder().filter(({ name }) => name !== "config.json"),
  ];
  for (const sources of wrong) {
    const error = await assertRejects(
      () => openCheckpoint(sources),
      ModelFormatError,
    );
    const name = sources.at(-1)?.name ?? "a model";
    assertStringIncludes(error.message, name);
    assertStringIncludes(error.message, "config.json with safetensors");
  }
});
