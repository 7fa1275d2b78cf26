import { join } from "node:path";
import { drawCurves, type Panel } from "./curves.ts";
import { writeWhole } from "./safetensors.ts";

/** One line of a log. */
export interface LogEntry {
  /** Steps so far, with this one. */
  step: number;
  /** Tokens so far, with this step's. */
  tokens: number;
  /** Of the step's batch. */
  loss: number;
  /** Whatever else the training notes. */
  [figure: string]: unknown;
}

/**
 * The folder of a training run: `state.safetensors` to resume from,
 * `log.jsonl` with a line per step, `curves.svg`, and `model/`, which
 * `loadModel` reads.
 */
export class RunFolder {
  readonly #path: string;
  readonly #entries: LogEntry[];

  private constructor(path: string, entries: LogEntry[]) {
    this.#path = path;
    this.#entries = entries;
  }

  /** Opens a run's folder, whose log then ends after `step` steps. */
  static async open(path: string, step: number): Promise<RunFolder> {
    await Deno.mkdir(path, { recursive: true });
    const folder = new RunFolder(path, step > 0 ? await readLog(path) : []);
    const after = folder.#entries.findIndex((entry) => entry.step > step);
    if (after >= 0) folder.#entries.length = after;
    const lines = folder.#entries.map((entry) => JSON.stringify(entry) + "\n");
    await writeWhole(join(path, "log.jsonl"), lines.join(""));
    return folder;
  }

  /** Where the training state is. */
  get statePath(): string {
    return join(this.#path, "state.safetensors");
  }

  /** Where the model is exported to. */
  get modelPath(): string {
    return join(this.#path, "model");
  }

  /** Appends a line to the log. */
  async log(entry: LogEntry): Promise<void> {
    this.#entries.push(entry);
    const line = JSON.stringify(entry) + "\n";
    await Deno.writeTextFile(join(this.#path, "log.jsonl"), line, {
      append: true,
    });
  }

  /** Draws the log; `panels` makes curves of it. */
  async draw(panels: (entries: LogEntry[]) => Panel[]): Promise<void> {
    const svg = drawCurves(panels(this.#entries), "million tokens");
    await writeWhole(join(this.#path, "curves.svg"), svg);
  }
}

/** A process that was ended while it wrote leaves a line that is cut off. */
async function readLog(path: string): Promise<LogEntry[]> {
  const text = await Deno.readTextFile(join(path, "log.jsonl"));
  return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
}
