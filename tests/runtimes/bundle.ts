import { assertEquals } from "@std/assert";
import { tinyGguf } from "../model/fixtures.ts";
import type { Task } from "./scenario.ts";

const root = new URL("../../", import.meta.url);

/** The scenario as one file and a task for it, for as long as a test lasts. */
export interface Bundle extends AsyncDisposable {
  folder: string;
  /** Path of the module that exports `run`. */
  scenario: string;
  task: Task;
}

/** Bundles the scenario as an application for the web would be. */
export async function bundle(): Promise<Bundle> {
  const folder = await Deno.makeTempDir();
  const scenario = `${folder}/scenario.js`;
  await build(scenario);
  return {
    folder,
    scenario,
    task: await task(),
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

async function build(output: string): Promise<void> {
  const args = ["bundle", "-q", "--platform=browser", "-o", output];
  const entry = "tests/runtimes/scenario.ts";
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, entry],
    cwd: root,
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
}

async function task(): Promise<Task> {
  const golden = new URL("tests/goldens/09-gkv.json", root);
  return {
    model: tinyGguf({ type: "q4_1" }).toBase64(),
    golden: JSON.parse(await Deno.readTextFile(golden)),
  };
}
