/**
 * The command line: `gkv run`, `demo`, `eval`, `bench`, `train` and `methods`.
 *
 * @module
 */
import { bench, benchHelp } from "./cli/bench.ts";
import { demo, demoHelp } from "./cli/demo.ts";
import { evalHelp, evaluate } from "./cli/eval.ts";
import { listMethods, methodsHelp } from "./cli/methods.ts";
import { run, runHelp } from "./cli/run.ts";
import { train } from "./cli/train.ts";
import { trainHelp } from "./cli/train_options.ts";
import { ModelFormatError } from "./model/checkpoint/error.ts";
import { UsageError } from "./cli/usage_error.ts";

const commands: Record<string, (args: string[]) => Promise<void>> = {
  run,
  demo,
  bench,
  eval: evaluate,
  methods: listMethods,
  train,
};

const help = `gkv decodes with a language model inside a memory budget.

${runHelp}

${demoHelp}

${evalHelp}

${methodsHelp}

${benchHelp}

${trainHelp}`;

/** Runs a command line, without the name of the program. */
export async function main(args: string[]): Promise<number> {
  const [name = "--help", ...rest] = args;
  if (["--help", "-h", "help"].includes(name) || rest.includes("--help")) {
    console.log(help);
    return 0;
  }
  try {
    const command = commands[name];
    if (!command) throw new UsageError(`Cannot run ${name}: no such command`);
    await command(rest);
    return 0;
  } catch (error) {
    return report(error);
  }
}

/** Errors are for the person at the terminal: no stack for what they can mend. */
function report(error: unknown): number {
  const expected = [TypeError, RangeError, UsageError, ModelFormatError];
  const known = expected.some((type) => error instanceof type) ||
    (error as { code?: string }).code === "ENOENT" ||
    (error as Error).name === "AbortError";
  console.error(known ? `gkv: ${(error as Error).message}` : error);
  if (!(error instanceof UsageError)) return 1;
  console.error("\ngkv --help shows how it is used");
  return 2;
}

if (import.meta.main) Deno.exit(await main(Deno.args));
