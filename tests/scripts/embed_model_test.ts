import { assertEquals, assertRejects } from "@std/assert";
import { sourcesIn } from "../../cli/model_sources.ts";
import { openBackend } from "../../kernels/open.ts";
import { loadModel } from "../../model/model.ts";
import { embedModel } from "../../scripts/embed_model.ts";
import { withTaskModel } from "../command.ts";

/** Ids that a model generates first. */
async function idsOf(
  files: Parameters<typeof loadModel>[0],
): Promise<number[]> {
  using backend = await openBackend({ backend: "wasm" });
  using model = await loadModel(files, { backend });
  using session = model.session({ budget: { tokens: 64 } });
  return await Array.fromAsync(
    session.generateTokens([36, 0, 5, 37], { maxTokens: 30 }),
  );
}

Deno.test("embedModel() writes a module that is the folder's model in f16", () =>
  withTaskModel(async (folder) => {
    const models = await Deno.makeTempDir();
    const bytes = await embedModel("task-base", folder, models);
    const { size } = await Deno.stat(`${models}/task_base_embedded.ts`);
    assertEquals(bytes, size);
    const { embeddedModels } = await import(`file://${models}/mod.ts`);
    assertEquals(Object.keys(embeddedModels), ["task-base"]);
    const sources = sourcesIn(await embeddedModels["task-base"]());
    // The folder has f16 itself, so that nothing is rounded.
    assertEquals(await idsOf(sources), await idsOf(folder));
    await Deno.remove(models, { recursive: true });
  }));

Deno.test("embedModel() refuses a name that is none, and writes nothing", () =>
  withTaskModel(async (folder) => {
    const models = await Deno.makeTempDir();
    for (const name of ["", "../x", "A", "a_b"]) {
      await assertRejects(
        () => embedModel(name, folder, models),
        RangeError,
        "Cannot embed a model as",
      );
    }
    assertEquals((await Array.fromAsync(Deno.readDir(models))).length, 0);
    await Deno.remove(models);
  }));

Deno.test("embedModel() refuses a model that is too large for the package", () =>
  withTaskModel(async (folder) => {
    const models = await Deno.makeTempDir();
    await assertRejects(
      () => embedModel("large", folder, models),
      RangeError,
      "at most 2097152 are needed",
    );
    assertEquals((await Array.fromAsync(Deno.readDir(models))).length, 0);
    await Deno.remove(models);
  }, { embedding: 128, feedForward: 4096 }));
