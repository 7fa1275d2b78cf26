import {
  type Batch,
  type Block,
  type Lecture,
  makeLearner,
} from "./learner.ts";
import type { ObjectiveName } from "./objectives.ts";
import type { TwinConfig } from "./twin_config.ts";
import type { Assignment, Opening } from "./worker.ts";

/** Learners that share a batch. */
export interface Crew extends Disposable {
  /** How many; rows of a batch must be a multiple. */
  readonly size: number;
  /** The whole batch's loss, gradient and figures. */
  learn(
    parameters: Float32Array<ArrayBuffer>,
    batch: Batch,
  ): Promise<Lecture>;
  /** Logits `[rows * tokens, vocabulary]` of a batch of `ids` and `until`. */
  logits(
    parameters: Float32Array<ArrayBuffer>,
    batch: Batch,
  ): Promise<Float32Array<ArrayBuffer>>;
}

/**
 * Opens a crew of workers, each with a copy of the model: data parallelism.
 *
 * @param size Workers; with 0 this thread does it all.
 */
export async function openCrew(
  config: TwinConfig,
  objective: ObjectiveName,
  size: number,
): Promise<Crew> {
  if (size === 0) {
    const { learn, logits } = await makeLearner(config, objective);
    return {
      size: 1,
      learn: (parameters, batch) => Promise.resolve(learn(parameters, batch)),
      logits: (parameters, batch) => Promise.resolve(logits(parameters, batch)),
      [Symbol.dispose]: () => {},
    };
  }
  const opening: Opening = { config, objective };
  const workers = Array.from({ length: size }, () => openWorker(opening));
  const ask = (
    wanted: Assignment["wanted"],
    parameters: Float32Array<ArrayBuffer>,
    batch: Batch,
  ) => {
    const parts = splitBatch(batch, size);
    return Promise.all(
      workers.map((worker, i) =>
        answerOf(worker, { wanted, parameters, batch: parts[i]! })
      ),
    );
  };
  return {
    size,
    learn: async (parameters, batch) =>
      joinLectures(await ask("lecture", parameters, batch) as Lecture[]),
    logits: async (parameters, batch) => {
      const parts = await ask("logits", parameters, batch);
      return joined(parts as Float32Array[]) as Float32Array<ArrayBuffer>;
    },
    [Symbol.dispose]: () => workers.forEach((worker) => worker.terminate()),
  };
}

function openWorker(opening: Opening): Worker {
  const url = new URL("./worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(opening);
  return worker;
}

function answerOf(worker: Worker, assignment: Assignment): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<unknown>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(event.error ?? new Error(event.message));
    };
    worker.postMessage(assignment);
  });
}

/**
 * A batch's texts in so many equal parts.
 *
 * @throws {RangeError} when the rows cannot be divided so.
 */
export function splitBatch(batch: Batch, parts: number): Batch[] {
  return Array.from({ length: parts }, (_, part) =>
    Object.fromEntries(
      Object.entries(batch).map(([name, block]) => [
        name,
        partOf(name, block, part, parts),
      ]),
    ));
}

function partOf(name: string, block: Block, part: number, of: number): Block {
  const { data, shape: [rows = 0, ...rest] } = block;
  if (rows % of !== 0) {
    throw new RangeError(
      `Cannot split ${name}: it has ${rows} rows, a multiple of ${of} is needed`,
    );
  }
  const size = data.length / of;
  const own = data.slice(part * size, (part + 1) * size);
  return { data: own, shape: [rows / of, ...rest] };
}

/** Sums, in the order of the parts, so that a run can be repeated exactly. */
export function joinLectures(parts: readonly Lecture[]): Lecture {
  const gradient = parts[0]!.gradient.slice();
  for (const part of parts.slice(1)) {
    part.gradient.forEach((value, i) => gradient[i]! += value);
  }
  const figures: Lecture["figures"] = {};
  for (const name of Object.keys(parts[0]!.figures)) {
    figures[name] = joined(parts.map((part) => part.figures[name]!));
  }
  const loss = parts.reduce((sum, part) => sum + part.loss, 0);
  return { loss, gradient, figures };
}

function joined(
  arrays: (Float32Array | Int32Array)[],
): Float32Array | Int32Array {
  const length = arrays.reduce((sum, array) => sum + array.length, 0);
  const out = arrays[0] instanceof Int32Array
    ? new Int32Array(length)
    : new Float32Array(length);
  let at = 0;
  for (const array of arrays) {
    out.set(array, at);
    at += array.length;
  }
  return out;
}
