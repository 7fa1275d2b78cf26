import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";

/**
 * Every backend that is tested against the reference, opened once: both
 * builds of WebAssembly, and WebGPU where there is an adapter, be it software.
 * `GKV_REQUIRE_GPU=1` makes its absence a failure.
 */
export const places: readonly Backend[] = await openAll();

async function openAll(): Promise<Backend[]> {
  const opened = [
    await openBackend({ backend: "wasm", build: "simd" }),
    await openBackend({ backend: "wasm", build: "relaxed-simd" }),
  ];
  const gpu = await openBackend({ backend: "webgpu" }).catch((error) => {
    if (Deno.env.get("GKV_REQUIRE_GPU") === "1") throw error;
  });
  return gpu ? [...opened, gpu] : opened;
}
