import type { Pair } from "./mathematics_worker.ts";
import { lookEqual, plainAnswer } from "./plain_answer.ts";

/** Characters of the longest answer that is read as mathematics. */
const LONGEST = 300;

/** Options of a {@linkcode MathGrader}. */
export interface MathGraderOptions {
  /** Milliseconds that a comparison may take; 2,000 by default. */
  deadline?: number;
}

/**
 * Compares answers as mathematics: `\frac12` is `0.5`, `(x+1)^2` is
 * `x^2+2x+1`. Models write what they like, so that this happens in a worker
 * with a deadline; the worker is there when looks do not decide.
 */
export class MathGrader implements Disposable {
  readonly #deadline: number;
  #worker: Promise<Worker> | undefined;
  /** The comparison before the next one. */
  #last: Promise<unknown> = Promise.resolve();

  /** A grader with a deadline. */
  constructor({ deadline = 2000 }: MathGraderOptions = {}) {
    this.#deadline = deadline;
  }

  /**
   * Whether an answer is equal to the right one. What is longer than 300
   * characters is equal to the same text only, and what takes longer than the
   * deadline to nothing.
   */
  async isEqual(answer: string, expected: string): Promise<boolean> {
    if (answer.trim() === expected.trim()) return true;
    if (answer.length > LONGEST || expected.length > LONGEST) return false;
    const seen = lookEqual(plainAnswer(answer), plainAnswer(expected));
    if (seen !== undefined) return seen;
    const found = this.#last.then(() => this.#compare({ answer, expected }));
    this.#last = found.catch(() => {});
    return await found;
  }

  /** Ends the worker. */
  [Symbol.dispose](): void {
    this.#worker?.then((worker) => worker.terminate(), () => {});
    this.#worker = undefined;
  }

  async #compare(pair: Pair): Promise<boolean> {
    const worker = await (this.#worker ??= openWorker());
    const reply = replyOf(worker);
    worker.postMessage(pair);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(resolve, this.#deadline, undefined);
    });
    const isEqual = await Promise.race([reply, late]);
    clearTimeout(timer);
    if (isEqual === undefined) this[Symbol.dispose]();
    return isEqual ?? false;
  }
}

/** A worker that has loaded what it needs. */
async function openWorker(): Promise<Worker> {
  const url = new URL("./mathematics_worker.ts", import.meta.url);
  const worker = new Worker(url, { type: "module" });
  await replyOf(worker);
  return worker;
}

function replyOf(worker: Worker): Promise<boolean> {
  return new Promise((resolve, reject) => {
    worker.onmessage = ({ data }: MessageEvent<boolean>) => resolve(data);
    worker.onerror = (event) => {
      event.preventDefault();
      reject(event.error ?? new Error(event.message));
    };
  });
}
