import type { Backend } from "../kernels/backend.ts";
import { loadModel, type Model } from "../model/model.ts";
import { modelSources } from "./model_sources.ts";
import { bar, type ProgressLine } from "./progress.ts";

/** Loads the MODEL of a command line, showing how far it is. */
export async function load(
  name: string,
  backend: Backend,
  progress: ProgressLine,
): Promise<Model> {
  const sources = await modelSources(name, progress);
  const model = await loadModel(sources, {
    backend,
    onProgress: ({ bytes, total }) =>
      progress.show(bar(bytes, total, `loading ${name}`)),
  });
  progress.clear();
  return model;
}
