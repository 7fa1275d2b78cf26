import { fileSources } from "../model/files/files.ts";
import { Fields } from "../model/checkpoint/fields.ts";
import type { ByteSource } from "../model/checkpoint/source.ts";
import { safetensorsEntries } from "../model/safetensors/header.ts";
import { readJson } from "../model/safetensors/json.ts";
import { encodeSafetensors, writeWhole } from "./safetensors.ts";

/** Everything that training goes on from. */
export interface TrainingState<Progress> {
  /** See `parametersOf()`. */
  readonly parameters: Float32Array<ArrayBuffer>;
  /** {@linkcode AdamW.mean}. */
  readonly mean: Float32Array<ArrayBuffer>;
  /** {@linkcode AdamW.square}. */
  readonly square: Float32Array<ArrayBuffer>;
  /** Steps, counters of data, place in the curriculum: plain data. */
  readonly progress: Progress;
}

/** Writes a state into one safetensors file, all of it or nothing. */
export async function saveState<Progress>(
  path: string,
  state: TrainingState<Progress>,
): Promise<void> {
  const { parameters, mean, square, progress } = state;
  const tensors = Object.entries({ parameters, mean, square }).map(
    ([name, values]) => ({ name, shape: [values.length], values }),
  );
  const metadata = { progress: JSON.stringify(progress) };
  await writeWhole(path, encodeSafetensors(tensors, "f32", metadata));
}

/**
 * Reads what {@linkcode saveState} wrote.
 *
 * @throws {ModelFormatError} when the file is damaged.
 */
export async function loadState<Progress>(
  path: string,
): Promise<TrainingState<Progress>> {
  const [source] = await fileSources(path);
  const tensors = new Map<string, Float32Array<ArrayBuffer>>();
  for (const { name, offset, bytes } of await safetensorsEntries(source!)) {
    const copy = new Uint8Array(await source!.read(offset, bytes));
    tensors.set(name, new Float32Array(copy.buffer));
  }
  return {
    parameters: tensors.get("parameters")!,
    mean: tensors.get("mean")!,
    square: tensors.get("square")!,
    progress: JSON.parse(await metadata(source!, "progress")) as Progress,
  };
}

async function metadata(source: ByteSource, field: string): Promise<string> {
  const start = await source.read(0, 8);
  const view = new DataView(start.buffer, start.byteOffset, 8);
  const length = Number(view.getBigUint64(0, true));
  const header = new Fields(source.name, await readJson(source, 8, length));
  const texts = header.inner("__metadata__") ??
    header.fail("__metadata__", "that of a training state is needed");
  return texts.text(field);
}
