import { assertEquals, assertStringIncludes } from "@std/assert";
import { Miniflare } from "miniflare";
import { type Bundle, bundle } from "./bundle.ts";
import { assertSameAsDeno } from "./same.ts";
import type { Outcome } from "./scenario.ts";

const here = new URL("./", import.meta.url);

/** A worker with the scenario and one build, compiled ahead. */
async function worker(
  { scenario }: Bundle,
  wasm: string,
): Promise<Miniflare> {
  const script = await Deno.readTextFile(new URL("worker.js", here));
  const contents = await Deno.readFile(new URL(`../../wasm/${wasm}`, here));
  return new Miniflare({
    modules: [
      { type: "ESModule", path: "worker.js", contents: script },
      {
        type: "ESModule",
        path: "scenario.js",
        contents: await Deno.readTextFile(scenario),
      },
      { type: "CompiledWasm", path: "kernels.wasm", contents },
    ],
    compatibilityDate: "2026-04-01",
  });
}

/** Has the worker run the task, with its module or without one. */
async function send(
  bundled: Bundle,
  wasm: string,
  path: "module" | "bytes",
): Promise<{ status: number; text: string }> {
  const miniflare = await worker(bundled, wasm);
  try {
    const url = `http://localhost/${path}`;
    const body = JSON.stringify(bundled.task);
    const response = await miniflare.dispatchFetch(url, {
      method: "POST",
      body,
    });
    return { status: response.status, text: await response.text() };
  } finally {
    await miniflare.dispose();
  }
}

for (const build of ["simd", "relaxed-simd"] as const) {
  Deno.test(`workerd runs ${build} from a compiled module: same tokens as Deno`, async () => {
    await using bundled = await bundle();
    const wasm = `${build.replace("-", "_")}.wasm`;
    const { status, text } = await send(bundled, wasm, "module");
    assertEquals(status, 200, text);
    const outcome: Outcome = JSON.parse(text);
    await assertSameAsDeno(outcome, bundled.task, build, "given");
  });
}

Deno.test("workerd forbids compiling: openBackend() asks for a module", async () => {
  await using bundled = await bundle();
  const { status, text } = await send(bundled, "simd.wasm", "bytes");
  assertEquals(status, 500);
  assertStringIncludes(text, "TypeError: Cannot compile the kernels");
  assertStringIncludes(text, "a module compiled elsewhere is needed");
});
