import { Environment, Interpreter, type parse } from "@huggingface/jinja";
import { ModelFormatError } from "../checkpoint/error.ts";

/** A parsed template. */
export type TemplateProgram = ReturnType<typeof parse>;

type Evaluate = Interpreter["evaluate"];

// Far above what a long conversation takes (about 500 a message), and still
// done with in seconds.
const MAX_STEPS = 2_000_000;

const CHARACTERS_PER_STEP = 100;

/** Thrown by a template's `raise_exception`: it refuses the conversation. */
export class TemplateRefusal extends Error {}

/**
 * Renders a parsed template with the globals that transformers gives to chat
 * templates. A template comes with a model file and is not to be trusted:
 * `@huggingface/jinja` sets no bound to loops and ranges, here there is one.
 *
 * @throws {TemplateRefusal} When the template calls `raise_exception`.
 * @throws {ModelFormatError} When the template does not come to an end.
 */
export function renderTemplate(
  program: TemplateProgram,
  variables: Record<string, unknown>,
): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...variables })) {
    environment.set(name, value);
  }
  return String(new BoundedInterpreter(environment).run(program).value);
}

/** Counts what it evaluates: nodes, and the sizes of what comes out of them. */
class BoundedInterpreter extends Interpreter {
  #steps = 0;

  override evaluate(...args: Parameters<Evaluate>): ReturnType<Evaluate> {
    const result = super.evaluate(...args);
    this.#steps += 1 + size(result.value);
    if (this.#steps > MAX_STEPS) throw endless();
    return result;
  }
}

function size(value: unknown): number {
  if (Array.isArray(value)) return value.length;
  return typeof value === "string" ? value.length / CHARACTERS_PER_STEP : 0;
}

function endless(): ModelFormatError {
  return new ModelFormatError(
    `Cannot render the chat: the template takes more than ${MAX_STEPS} steps, ` +
      "one that comes to an end is needed",
  );
}

const GLOBALS: Record<string, unknown> = {
  true: true,
  True: true,
  false: false,
  False: false,
  none: null,
  None: null,
  raise_exception: (message: string) => {
    throw new TemplateRefusal(message);
  },
  range: boundedRange,
  strftime_now: (format: string) => strftime(new Date(), format),
};

/** Python's `range`. */
function boundedRange(from: number, to?: number, step = 1): number[] {
  const [start, stop] = to === undefined ? [0, from] : [from, to];
  const length = Math.max(0, Math.ceil((stop - start) / step));
  if (!(length <= MAX_STEPS)) throw endless();
  return Array.from({ length }, (_, i) => start + i * step);
}

/** Local time with English names, as Python's in its default locale. */
function strftime(date: Date, format: string): string {
  const two = (value: number) => `${value}`.padStart(2, "0");
  const month = (length: "short" | "long") =>
    date.toLocaleDateString("en-US", { month: length });
  const parts: Record<string, string> = {
    "%Y": `${date.getFullYear()}`,
    "%m": two(date.getMonth() + 1),
    "%d": two(date.getDate()),
    "%b": month("short"),
    "%B": month("long"),
    "%H": two(date.getHours()),
    "%M": two(date.getMinutes()),
    "%S": two(date.getSeconds()),
    "%%": "%",
  };
  return format.replace(/%./g, (part) => parts[part] ?? part);
}
