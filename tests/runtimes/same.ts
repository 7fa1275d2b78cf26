import { assert, assertEquals, assertGreater } from "@std/assert";
import { matches } from "../../scripts/golden.ts";
import type { WasmBuild } from "../../wasm/kernels.ts";
import { type Outcome, run, type Task } from "./scenario.ts";

/**
 * Fails unless a runtime gave what Deno gives.
 *
 * @param actual What the runtime gave.
 * @param task What it was given.
 * @param build The build that it should have run; by default the one it chose.
 * @param name How the backend names that build.
 */
export async function assertSameAsDeno(
  actual: Outcome,
  task: Task,
  build: WasmBuild = chosenIn(actual),
  name: string = build,
): Promise<void> {
  const { deviation: _, ...expected } = await run(task, { build });
  assertEquals(expected.tokens.length, 40);
  assertGreater(expected.evictions, 2);
  const { deviation, ...generated } = actual;
  assertEquals(generated, { ...expected, backend: `wasm (${name})` });
  // Not equal to the last digit: V8 fuses relaxed multiply-adds, Bun does not.
  assert(matches(deviation, "f32"), JSON.stringify(deviation));
}

function chosenIn({ backend }: Outcome): WasmBuild {
  return backend === "wasm (simd)" ? "simd" : "relaxed-simd";
}
