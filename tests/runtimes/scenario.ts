/**
 * What every runtime has to do, bundled for the web: no `Deno.*`, no modules of
 * Node, nothing that a page or an edge runtime lacks.
 *
 * @module
 */
import {
  type Backend,
  bufferSource,
  gkv,
  loadModel,
  openBackend,
  type OpenBackendOptions,
} from "../../mod.ts";
import { type Deviation, type Golden, replay } from "../../scripts/golden.ts";

/** What a runtime is given; JSON, so that it can be sent anywhere. */
export interface Task {
  /** Bytes of a tiny GGUF file in base64. */
  model: string;
  /** Where the file is too, for runtimes that have files. */
  path?: string;
  golden: Golden;
}

/** What came out. */
export interface Outcome {
  backend: string;
  tokens: number[];
  text: string;
  /** Of the last layer's first head, ascending. */
  positions: number[];
  evictions: number;
  bytes: number;
  /** Of the golden decode. */
  deviation: Deviation;
}

/** Generates 40 tokens greedily in a small budget and replays a golden decode. */
export async function run(
  task: Task,
  options: OpenBackendOptions = {},
): Promise<Outcome> {
  const backend = await openBackend(options);
  const generated = await generate(backend, task);
  const deviation = await replay(backend, task.golden);
  return { backend: backend.name, ...generated, deviation };
}

async function generate(
  backend: Backend,
  { model: base64, path }: Task,
): Promise<Omit<Outcome, "backend" | "deviation">> {
  const files = path ?? [bufferSource("tiny.gguf", bytesOf(base64))];
  const model = await loadModel(files, { backend });
  const session = model.session({
    budget: { tokens: 24 },
    policy: gkv({ window: 8, interval: 8 }),
    // Rounding to int8 would make more of a runtime's last digits.
    dtype: "f32",
  });
  let text = "";
  const prompt = "The cat sat on the mat, and 12 others' hats were there.";
  for await (const piece of session.generate(prompt, { maxTokens: 40 })) {
    text += piece;
  }
  const { layers } = model.config;
  const positions = [...await session.cache.positions(layers - 1, 0)];
  const { evictions, bytes } = session.cache.stats();
  const { tokens } = session.generation!;
  return { tokens, text, positions, evictions, bytes };
}

function bytesOf(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
}
