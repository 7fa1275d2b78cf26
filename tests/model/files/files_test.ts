import { assertEquals, assertRejects } from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { fileSources } from "../../../model/files/files.ts";

async function withFolder(
  test: (folder: string) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("fileSources() reads pieces of a file", () =>
  withFolder(async (folder) => {
    const path = `${folder}/a.gguf`;
    await Deno.writeFile(
      path,
      Uint8Array.from({ length: 200_000 }, (_, i) => i),
    );
    const [source] = await fileSources(path);
    assertEquals([source!.name, source!.size], [path, 200_000]);
    const bytes = await source!.read(100_001, 99_999);
    assertEquals([bytes.length, bytes[0], bytes.at(-1)], [99_999, 161, 63]);
    assertEquals(await source!.read(200_000, 0), new Uint8Array());
  }));

Deno.test("fileSources() rejects a read past the end of a file", () =>
  withFolder(async (folder) => {
    await Deno.writeFile(`${folder}/a.gguf`, new Uint8Array(10));
    const [source] = await fileSources(`${folder}/a.gguf`);
    await assertRejects(
      () => source!.read(4, 7),
      ModelFormatError,
      "ends at byte 10, 11 are needed",
    );
  }));

Deno.test("fileSources() gives a folder's files, linked ones too, but not its folders", () =>
  withFolder(async (folder) => {
    await Deno.mkdir(`${folder}/model`);
    await Deno.mkdir(`${folder}/model/inside`);
    await Deno.writeFile(`${folder}/blob`, new Uint8Array(7));
    await Deno.symlink("../blob", `${folder}/model/linked`);
    await Deno.writeFile(`${folder}/model/plain`, new Uint8Array(3));
    const sources = await fileSources(`${folder}/model/`);
    const found = sources.map(({ name, size }) => [name, size]);
    assertEquals(found.sort(), [
      [`${folder}/model/linked`, 7],
      [`${folder}/model/plain`, 3],
    ]);
  }));

Deno.test("fileSources() rejects a path with nothing there", async () => {
  await assertRejects(() => fileSources("/nowhere"), Error, "ENOENT");
});
