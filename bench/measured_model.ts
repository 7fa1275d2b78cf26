import type { Backend } from "../kernels/backend.ts";
import { loadModel, type Model } from "../mod.ts";
import { bufferSource } from "../model/checkpoint/source.ts";
import { fileSources } from "../model/files/files.ts";
import { tinyGguf, type TinyOptions } from "../tests/model/fixtures.ts";

/** Of the tiny model: layers large enough that their weights matter. */
const tiny: TinyOptions = {
  type: "q8_0",
  tied: true,
  layers: 30,
  embedding: 256,
  feedForward: 768,
  contextLength: 2048,
};

/** Loads a GGUF file: of the path, of `GKV_TEST_MODEL`, or a tiny one. */
export async function loadMeasured(
  backend: Backend,
  argument: string | undefined,
): Promise<Model> {
  const path = argument ?? Deno.env.get("GKV_TEST_MODEL");
  const sources = path
    ? await fileSources(path)
    : [bufferSource("tiny, 30 layers", tinyGguf(tiny))];
  return await loadModel(sources, { backend });
}
