import { assertEquals, assertStringIncludes } from "@std/assert";
import { Miniflare } from "miniflare";
import type { WasmBuild } from "../../wasm/kernels.ts";
import { bundle } from "./bundle.ts";
import { assertSameAsDeno } from "./same.ts";
import type { Task } from "./scenario.ts";

const here = new URL("./", import.meta.url);

/** A worker with the scenario and a build that was compiled ahead. */
async function worker(folder: string, build: WasmBuild): Promise<Miniflare> {
  const file = `../../wasm/${build.replace("-", "_")}.wasm`;
  return new Miniflare({
    modules: [
      {
        type: "ESModule",
        path: "tests/runtimes/worker.js",
        contents: await Deno.readTextFile(new URL("worker.js", here)),
      },
      {
        type: "ESModule",
        path: "tests/runtimes/scenario.ts",
        contents: await Deno.readTextFile(`${folder}/scenario.js`),
      },
      {
        type: "CompiledWasm",
        path: "wasm/simd.wasm",
        contents: await Deno.readFile(new URL(file, here)),
      },
    ],
    compatibilityDate: "2026-04-01",
  });
}

interface Order {
  folder: string;
  task: Task;
  build?: WasmBuild;
  /** `/module` takes the compiled module, `/bytes` compiles. */
  path?: "/module" | "/bytes";
}

async function send(
  { folder, task, build = "simd", path = "/module" }: Order,
): Promise<{ status: number; text: string }> {
  const miniflare = await worker(folder, build);
  try {
    const request = { method: "POST", body: JSON.stringify(task) };
    const url = `http://localhost${path}`;
    const response = await miniflare.dispatchFetch(url, request);
    return { status: response.status, text: await response.text() };
  } finally {
    await miniflare.dispose();
  }
}

for (const build of ["simd", "relaxed-simd"] as const) {
  Deno.test(`workerd runs a compiled ${build} module: same tokens as Deno`, async () => {
    await using bundled = await bundle();
    const { status, text } = await send({ ...bundled, build });
    assertEquals(status, 200, text);
    await assertSameAsDeno(JSON.parse(text), bundled.task, build, "given");
  });
}

Deno.test("workerd forbids compiling: openBackend() asks for a module", async () => {
  await using bundled = await bundle();
  const { status, text } = await send({ ...bundled, path: "/bytes" });
  assertEquals(status, 500);
  assertStringIncludes(text, "TypeError: Cannot compile the kernels");
  assertStringIncludes(text, "a module compiled elsewhere is needed");
});

Deno.test("workerd has no files: loadModel() of a path asks for sources", async () => {
  await using bundled = await bundle();
  const task = { ...bundled.task, path: "tiny.gguf" };
  const { status, text } = await send({ ...bundled, task });
  assertEquals(status, 500);
  assertStringIncludes(text, "TypeError: Cannot open tiny.gguf");
});
