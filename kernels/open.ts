import type { GpuOptions } from "../gpu/device.ts";
import { WasmBackend } from "../wasm/backend.ts";
import type { WasmOptions } from "../wasm/kernels.ts";
import type { Backend } from "./backend.ts";
import { ReferenceBackend } from "./reference/backend.ts";

/** Backends by name. */
export type BackendName = "webgpu" | "wasm" | "reference";

/** Options of {@linkcode openBackend}. */
export interface OpenBackendOptions extends WasmOptions, GpuOptions {
  /** By default WebGPU where there is a real GPU, and else WebAssembly. */
  backend?: BackendName | undefined;
}

/**
 * Opens the place where kernels run.
 *
 * @throws {TypeError} for a name that is none, without a `module` where the
 * runtime forbids compiling one, and for `"webgpu"` without an adapter.
 *
 * @example
 * ```ts
 * import { openBackend } from "@gkv/gkv";
 * import { assert } from "@std/assert";
 *
 * using backend = await openBackend({ backend: "wasm" });
 * assert(backend.name.startsWith("wasm"));
 * ```
 */
export async function openBackend(
  options: OpenBackendOptions = {},
): Promise<Backend> {
  const { backend } = options;
  switch (backend) {
    case "reference":
      return new ReferenceBackend();
    case "wasm":
      return await WasmBackend.open(options);
    case "webgpu":
      return await openGpu(options) ?? refuse(backend, "an adapter");
    case undefined:
      return await openGpu({
        ...options,
        hardwareOnly: true,
        automatic: true,
      }) ??
        await WasmBackend.open(options);
    default:
      return refuse(backend, "webgpu, wasm or reference");
  }
}

/** Its kernels are not loaded where there is no WebGPU at all. */
async function openGpu(options: GpuOptions): Promise<Backend | null> {
  if (!globalThis.navigator?.gpu) return null;
  const { GpuBackend } = await import("../gpu/backend.ts");
  return await GpuBackend.open(options);
}

function refuse(name: string, needed: string): never {
  throw new TypeError(`Cannot open backend ${name}: ${needed} is needed`);
}
