import { exportModel } from "../train/export.ts";
import { initialParameters } from "../train/initial.ts";
import { lemmaChain } from "../train/tasks/lemma_chain.ts";
import type { TwinConfig } from "../train/twin_config.ts";
import { tinyGguf } from "./model/fixtures.ts";
import { tinyConfig } from "./train/tiny.ts";

const cli = new URL("../cli.ts", import.meta.url).pathname;

/** A command line, not yet run. */
export function command(args: string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", cli, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    // Without it the software adapter adds a line to standard error.
    env: {
      NO_COLOR: "1",
      XDG_RUNTIME_DIR: Deno.env.get("XDG_RUNTIME_DIR") ?? "/tmp",
    },
  });
}

/** What a command line ended with. */
export interface Outcome {
  code: number;
  out: string;
  err: string;
}

/** Runs the command line to its end. */
export async function gkv(args: string[], input = ""): Promise<Outcome> {
  const child = command(args).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

/** A tiny model in a file of its own, for as long as a test lasts. */
export async function withModel(
  test: (path: string) => Promise<void>,
  change: (file: Uint8Array) => Uint8Array = (file) => file,
): Promise<void> {
  const path = await Deno.makeTempFile({ suffix: ".gguf" });
  await Deno.writeFile(path, change(tinyGguf({ type: "q8_0" })));
  try {
    await test(path);
  } finally {
    await Deno.remove(path);
  }
}

/** An untrained model of the task in a folder, for as long as a test lasts. */
export async function withTaskModel(
  test: (folder: string) => Promise<void>,
  change: Partial<TwinConfig> = {},
): Promise<void> {
  const config = { ...tinyConfig, ...change };
  const folder = await Deno.makeTempDir();
  try {
    const values = initialParameters(config, 1);
    await exportModel(folder, config, values, lemmaChain);
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
