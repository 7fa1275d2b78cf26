import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { openBackend } from "../kernels/open.ts";
import { gkv, withModel } from "./command.ts";

const args = ["--tokens", "20", "--budget", "24t", "--policy", "streaming"];

Deno.test("gkv bench prints the speed of decoding within a budget", () =>
  withModel(async (path) => {
    const { code, out, err } = await gkv(["bench", path, ...args]);
    assertEquals([code, err], [0, ""]);
    assertStringIncludes(out, "decode   20 tokens");
    assert(!out.includes("dispatches"), out);
  }));

Deno.test("gkv bench tells what a GPU is sent, beside the least bytes", async () => {
  const gpu = await openBackend({ backend: "webgpu" }).catch(() => undefined);
  gpu?.[Symbol.dispose]();
  if (!gpu) return assert(Deno.env.get("GKV_REQUIRE_GPU") !== "1");
  await withModel(async (path) => {
    const backend = ["--backend", "webgpu", "--json"];
    const { code, out } = await gkv(["bench", path, ...args, ...backend]);
    assertEquals(code, 0);
    const { generatedTokens, traffic } = JSON.parse(out);
    assertEquals(generatedTokens, 20);
    assert(traffic.readBacks > 0 && traffic.readBacks <= 1, out);
    assert(traffic.dispatches > 12, out);
    assert(traffic.bytesMoved >= traffic.leastBytes, out);
  });
});

Deno.test("gkv bench says what is missing", async () => {
  const { code, err } = await gkv(["bench"]);
  assertEquals(code, 2);
  assertStringIncludes(err, "Cannot measure: a MODEL is needed");
});
