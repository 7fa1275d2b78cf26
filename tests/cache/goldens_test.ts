import { assertEquals, assertGreater, assertLess } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { type Golden, replay, tolerance } from "../../scripts/golden.ts";

const folder = new URL("../goldens/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

async function read(name: string): Promise<Golden> {
  return JSON.parse(await Deno.readTextFile(new URL(name, folder)));
}

for (const backendName of ["reference", "wasm"] as const) {
  for (const name of names) {
    Deno.test(`KVCache reproduces golden ${name} on ${backendName}`, async () => {
      using backend = await openBackend({ backend: backendName });
      const deviation = await replay(backend, await read(name));
      assertEquals(deviation.positions, 0);
      assertLess(deviation.select, tolerance);
      assertLess(deviation.history, tolerance);
      assertLess(deviation.attention, tolerance);
    });
  }
}

Deno.test("replay() sees a golden of another method as different", async () => {
  using backend = await openBackend({ backend: "reference" });
  const golden = await read("02-gkv.json");
  golden.config.lam = 0.9;
  assertGreater((await replay(backend, golden)).positions, 0);
});

Deno.test("replay() leaves no memory behind", async () => {
  using backend = await openBackend();
  await replay(backend, await read("11-gkv-no-redundancy.json"));
  assertEquals(backend.memory().used, 0);
});
