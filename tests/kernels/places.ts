import { openBackend } from "../../kernels/open.ts";
import type { Backend, Tensor, Weight } from "../../kernels/ops.ts";

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

/** Runs a function on a backend and frees what it has allocated there. */
export async function visiting<T>(
  backend: Backend,
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const made: (Tensor | Weight)[] = [];
  const noting = new Proxy(backend, {
    get: (target, name) => {
      const member = target[name as keyof Backend];
      if (typeof member !== "function") return member;
      const bound = member.bind(target as never) as CallableFunction;
      if (name !== "tensor" && name !== "weight") return bound;
      return (...args: unknown[]) => {
        const memory = bound(...args);
        made.push(memory);
        return memory;
      };
    },
  });
  try {
    return await use(noting);
  } finally {
    for (const memory of made) backend.free(memory);
  }
}
