import { assertEquals } from "@std/assert";
import { tinyGguf } from "../model/fixtures.ts";
import type { Task } from "./scenario.ts";

const root = new URL("../../", import.meta.url);

/** The scenario as one file and a task for it, for as long as a test lasts. */
export interface Bundle extends AsyncDisposable {
  /** Holds `scenario.js`, `task.json` and the task's model, `tiny.gguf`. */
  folder: string;
  task: Task;
}

/** The scenario, bundled, and its task. */
export async function bundle(): Promise<Bundle> {
  const folder = await Deno.makeTempDir();
  const model = tinyGguf({ type: "q4_1" });
  const golden = new URL("tests/goldens/09-gkv.json", root);
  const task: Task = {
    model: model.toBase64(),
    golden: JSON.parse(await Deno.readTextFile(golden)),
  };
  await build("tests/runtimes/scenario.ts", `${folder}/scenario.js`);
  await Deno.writeTextFile(`${folder}/task.json`, JSON.stringify(task));
  await Deno.writeFile(`${folder}/tiny.gguf`, model);
  return {
    folder,
    task,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** Bundles a module of the repository as an application for the web would be. */
export async function build(entry: string, output: string): Promise<void> {
  const args = ["bundle", "-q", "--platform=browser", "-o", output];
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...args, entry],
    cwd: root,
  }).output();
  assertEquals(success, true, new TextDecoder().decode(stderr));
}
