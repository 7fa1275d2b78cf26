import { parseArgs } from "node:util";
import { type BackendName, openBackend } from "../kernels/open.ts";
import type { Session } from "../model/session.ts";
import {
  cacheTypes,
  number,
  policyNamed,
  policyNames,
  typeNamed,
  withRedundancy,
} from "./arguments.ts";
import { parseBudget } from "./budget.ts";
import { describe, type Figures, figuresOf } from "./figures.ts";
import { interruptible } from "./interrupt.ts";
import { load } from "./load.ts";
import { bar, ProgressLine } from "./progress.ts";
import { UsageError } from "./usage_error.ts";

const options = {
  backend: { type: "string" },
  budget: { type: "string" },
  json: { type: "boolean", default: false },
  "max-tokens": { type: "string" },
  "min-p": { type: "string" },
  policy: { type: "string", default: "gkv" },
  "protect-prompt": { type: "boolean", default: false },
  raw: { type: "boolean", default: false },
  redundancy: { type: "string" },
  "repetition-penalty": { type: "string" },
  reposition: { type: "boolean", default: false },
  seed: { type: "string" },
  temperature: { type: "string" },
  "top-k": { type: "string" },
  "top-p": { type: "string" },
  type: { type: "string", default: "int8" },
} as const;

/** How to use {@linkcode run}. */
export const runHelp: string = `gkv run MODEL [PROMPT] [options]

  MODEL   a GGUF file, a Hugging Face folder, or hf:owner/name[/file]
  PROMPT  the message; read from standard input if absent

  --budget 8MiB|512t|25%   most that the cache holds: bytes, tokens, or a share
                           of the model's context (1024t)
  --policy NAME            ${policyNames} (gkv)
  --redundancy NAME        cosine, keydiff: how repeated keys are told
  --type TYPE              ${cacheTypes.join(", ")} (int8): how it is stored
  --reposition             keep rotary positions within the cache's length
  --protect-prompt         never evict the prompt, up to half the budget
  --max-tokens N           most tokens to generate (1024)
  --temperature T          0 takes the likeliest token (0)
  --top-k N --top-p P --min-p P --repetition-penalty R --seed N
  --raw                    no chat template
  --backend wasm|reference
  --json                   one object with text, token ids and figures`;

/** `gkv run`: generates an answer within a budget. */
export async function run(args: string[]): Promise<void> {
  const { values, positionals: [name, argument] } = parse(args);
  if (!name) throw new UsageError("Cannot run: a MODEL is needed");
  const settings = {
    maxTokens: number("max-tokens", values["max-tokens"]),
    temperature: number("temperature", values.temperature),
    topK: number("top-k", values["top-k"]),
    topP: number("top-p", values["top-p"]),
    minP: number("min-p", values["min-p"]),
    repetitionPenalty: number(
      "repetition-penalty",
      values["repetition-penalty"],
    ),
    seed: number("seed", values.seed),
    raw: values.raw,
  };
  const method = policyNamed(values.policy);
  const policy = values.redundancy
    ? withRedundancy(method, values.redundancy)
    : method;
  const dtype = typeNamed(values.type);
  const budget = values.budget ? { budget: parseBudget(values.budget) } : {};
  const progress = new ProgressLine();
  using backend = await openBackend({
    backend: values.backend as BackendName | undefined,
  });
  using model = await load(name, backend, progress);
  using session = model.session({
    ...budget,
    policy,
    dtype,
    protectPrompt: values["protect-prompt"],
    reposition: values.reposition,
  });
  const prompt = argument ?? await readStandardInput();
  const output = new Output(values.json, progress);
  await generate(session, prompt, settings, output, progress);
  const names = { policy: policy.name, backend: backend.name };
  const { generation, cache } = session;
  output.close(
    generation!.tokens,
    figuresOf(generation!, cache.stats(), names),
  );
}

function parse(args: string[]) {
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

async function readStandardInput(): Promise<string> {
  if (Deno.stdin.isTerminal()) {
    console.error("Type the prompt, then Ctrl-D on a line of its own:");
  }
  const text = await new Response(Deno.stdin.readable).text();
  if (text.trim()) return text.trimEnd();
  throw new UsageError(
    "Cannot run: a PROMPT or text on standard input is needed",
  );
}

type Settings = Parameters<Session["generate"]>[1];

/** The first Ctrl-C ends the answer, the second one the program. */
async function generate(
  session: Session,
  prompt: string,
  settings: Settings,
  output: Output,
  progress: ProgressLine,
): Promise<void> {
  await interruptible(async (signal) => {
    const answer = session.generate(prompt, {
      ...settings,
      signal,
      onPrompt: ({ done, total }) => progress.show(bar(done, total, "prompt")),
      onWarning: (message) => console.error(`gkv: warning: ${message}`),
    });
    for await (const piece of answer) output.write(piece, session);
  }).finally(() => progress.clear());
}

/** Standard output, as text that streams or as one object. */
class Output {
  readonly #json: boolean;
  readonly #progress: ProgressLine;
  /** A line over the text itself would tear it. */
  readonly #showsProgress: boolean;
  readonly #encoder = new TextEncoder();
  #text = "";

  constructor(json: boolean, progress: ProgressLine) {
    this.#json = json;
    this.#progress = progress;
    this.#showsProgress = json || !Deno.stdout.isTerminal();
  }

  write(piece: string, { generation, cache }: Session): void {
    this.#text += piece;
    if (this.#showsProgress) {
      const { cached, budgetTokens } = cache.stats();
      this.#progress.show(
        `${generation!.tokens.length} tokens, ${cached} cached ` +
          `(budget ${budgetTokens})`,
      );
    } else this.#progress.clear();
    if (!this.#json) writeAll(this.#encoder.encode(piece));
  }

  close(tokens: number[], figures: Figures): void {
    if (this.#json) {
      console.log(JSON.stringify({ text: this.#text, tokens, ...figures }));
      return;
    }
    if (!this.#text.endsWith("\n")) writeAll(this.#encoder.encode("\n"));
    console.error(`\n${describe(figures)}`);
  }
}

function writeAll(bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length;) {
    at += Deno.stdout.writeSync(bytes.subarray(at));
  }
}
