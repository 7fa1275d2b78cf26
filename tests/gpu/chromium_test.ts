/**
 * WebGPU in a browser: Chromium's compiler and its subgroups, on SwiftShader.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertStringIncludes,
} from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { matches } from "../../scripts/golden.ts";
import {
  executablePath,
  openPage,
  type TestPage,
} from "../runtimes/browser.ts";
import { build } from "../runtimes/bundle.ts";
import { installed } from "../runtimes/installed.ts";
import type * as functions from "./page.ts";
import { tokensOn } from "./tiny.ts";

const flags = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
const goldens = new URL("../goldens/", import.meta.url);

type Functions = typeof functions;

/** Calls a function of page.ts in the page. */
type Call = <Name extends keyof Functions>(
  name: Name,
  ...args: Parameters<Functions[Name]>
) => ReturnType<Functions[Name]>;

function callIn({ page }: TestPage): Call {
  return ((name, ...args) =>
    page.evaluate(
      async ([name, args]) =>
        (await import("/script.js" as string))[name](...args),
      [name, args] as const,
    )) as Call;
}

async function openFunctions(): Promise<TestPage> {
  const script = await Deno.makeTempFile({ suffix: ".js" });
  try {
    await build("tests/gpu/page.ts", script);
    return await openPage(script, flags);
  } finally {
    await Deno.remove(script);
  }
}

async function assertAgreement(
  call: Call,
  which: "all" | "reducing" = "all",
): Promise<void> {
  const comparisons = await call("compareAll", which);
  assertGreater(comparisons.length, 150);
  const wrong = comparisons.filter((one) => !(one.error <= one.tolerance));
  assertEquals(wrong, []);
}

async function assertGoldens(call: Call): Promise<void> {
  for await (const { name } of Deno.readDir(goldens)) {
    const text = await Deno.readTextFile(new URL(name, goldens));
    const deviation = await call("replayGolden", JSON.parse(text));
    assert(matches(deviation, "f32"), `${name}: ${JSON.stringify(deviation)}`);
  }
}

async function assertTokens(call: Call, destroyAfter?: number): Promise<void> {
  using wasm = await openBackend({ backend: "wasm" });
  const expected = await tokensOn(wasm, 40);
  assertEquals(await call("generate", 40, destroyAfter), expected);
}

/** In this order, with one page: opening a backend takes 10 seconds. */
const steps: Record<string, (call: Call) => Promise<void>> = {
  "openBackend() passes over a software adapter": async (call) => {
    assertStringIncludes(await call("chosen"), "wasm");
  },
  "GpuBackend opens on an adapter with subgroups": async (call) => {
    assertStringIncludes(await call("open", {}), "webgpu");
    assert(await call("has", "subgroups"));
  },
  "GpuBackend agrees with the reference in every op": (call) =>
    assertAgreement(call),
  "KVCache reproduces every golden": assertGoldens,
  "Session generates the tokens of WebAssembly": (call) => assertTokens(call),
  "Session goes on when the device is destroyed": (call) =>
    assertTokens(call, 17),
  "GpuBackend agrees without subgroups too": async (call) => {
    await call("open", { without: ["subgroups"] });
    await assertAgreement(call, "reducing");
  },
};

const { ignore, why } = Deno.env.get("GKV_REQUIRE_GPU") === "1"
  ? { ignore: false, why: "" }
  : installed(executablePath);
Deno.test({
  name: `Chromium runs the WebGPU path${why}`,
  ignore,
  async fn(t) {
    await using opened = await openFunctions();
    const call = callIn(opened);
    for (const [name, step] of Object.entries(steps)) {
      await t.step(name, () => step(call));
    }
    // Chromium checks more than Deno does, and says so in the console.
    assertEquals(opened.complaints, []);
  },
});
