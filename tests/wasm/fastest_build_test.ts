import { assert, assertEquals } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { fastestBuild } from "../../wasm/fastest_build.ts";

Deno.test("fastestBuild() is the one that is opened by default, each time", async () => {
  const build = fastestBuild();
  assert(["simd", "relaxed-simd"].includes(build));
  for (let round = 0; round < 3; round++) {
    assertEquals(fastestBuild(), build);
    using backend = await openBackend({ backend: "wasm" });
    assertEquals(backend.name, `wasm (${build})`);
  }
});

Deno.test("fastestBuild() goes by the clock, and by default where that stands still", async () => {
  const { now } = performance;
  // Each pair of calls is one turn of a loop, the relaxed one first.
  for (
    const [relaxed, plain, build] of [
      [1, 2, "relaxed-simd"],
      [2, 1, "simd"],
      [0, 0, "relaxed-simd"],
    ] as const
  ) {
    let [time, calls] = [0, 0];
    performance.now = () => {
      const turn = calls++ % 4;
      if (turn === 1) time += relaxed;
      if (turn === 3) time += plain;
      return time;
    };
    try {
      const url = `../../wasm/fastest_build.ts?${build}-${relaxed}`;
      const module = await import(url);
      assertEquals(module.fastestBuild(), build);
    } finally {
      performance.now = now;
    }
  }
});
