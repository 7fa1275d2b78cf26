import type { Batch, Block, Lecture } from "./learner.ts";
import { makeMember, type Member, type Opening } from "./member.ts";
import type { Assignment, Outcome } from "./worker.ts";

/** Members that share a batch, texts or solutions to be drawn. */
export interface Crew extends Member, Disposable {
  /** How many; rows of a batch must be a multiple. */
  readonly size: number;
}

/**
 * Opens a crew of workers, each with a copy of the model: data parallelism.
 *
 * @param size Workers; with 0 this thread does it all.
 */
export function openCrew(opening: Opening, size: number): Crew {
  const workers = Array.from({ length: size }, () => openWorker(opening));
  const members = size > 0 ? workers.map(memberIn) : [makeMember(opening)];
  const each = <Part, Answer>(
    parts: readonly Part[],
    ask: (member: Member, part: Part) => Promise<Answer>,
  ) => Promise.all(parts.map((part, i) => ask(members[i]!, part)));
  const count = members.length;
  return {
    size: count,
    learn: async (parameters, batch) =>
      joinLectures(
        await each(
          splitBatch(batch, count),
          (member, part) => member.learn(parameters, part),
        ),
      ),
    logits: async (parameters, batch) =>
      joined(
        await each(
          splitBatch(batch, count),
          (member, part) => member.logits(parameters, part),
        ),
      ) as Float32Array<ArrayBuffer>,
    force: async (parameters, { texts, ...rest }) =>
      joined(
        await each(
          sharesOf(texts, count),
          (member, texts) => member.force(parameters, { texts, ...rest }),
        ),
      ) as Int32Array<ArrayBuffer>,
    draw: async (parameters, { draws, ...rest }) =>
      (await each(
        sharesOf(draws, count),
        (member, draws) => member.draw(parameters, { draws, ...rest }),
      )).flat(),
    [Symbol.dispose]: () => workers.forEach((worker) => worker.terminate()),
  };
}

function openWorker(opening: Opening): Worker {
  const url = new URL("./worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  worker.postMessage(opening);
  return worker;
}

function memberIn(worker: Worker): Member {
  const ask = <Answer>(wanted: keyof Member) =>
  (
    parameters: Assignment["parameters"],
    part: unknown,
  ) => answerOf(worker, { wanted, parameters, part }) as Promise<Answer>;
  return {
    learn: ask("learn"),
    logits: ask("logits"),
    force: ask("force"),
    draw: ask("draw"),
  };
}

function answerOf(worker: Worker, assignment: Assignment): Promise<unknown> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<Outcome>) =>
      "error" in data ? reject(data.error) : resolve(data.answer);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(event.error ?? new Error(event.message));
    };
    worker.postMessage(assignment);
  });
}

/** Items in at most so many parts of about the same size, none empty. */
function sharesOf<T>(items: readonly T[], parts: number): T[][] {
  const start = (part: number) => Math.floor(part * items.length / parts);
  return Array.from(
    { length: parts },
    (_, part) => items.slice(start(part), start(part + 1)),
  ).filter((share) => share.length > 0);
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
