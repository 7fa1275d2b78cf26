import { WasmBackend } from "../wasm/backend.ts";
import type { WasmOptions } from "../wasm/kernels.ts";
import type { Backend } from "./ops.ts";
import { ReferenceBackend } from "./reference/backend.ts";

/** Backends by name. */
export type BackendName = "wasm" | "reference";

/** Options of {@linkcode openBackend}. */
export interface OpenBackendOptions extends WasmOptions {
  /** The fastest that the machine has, if absent. */
  backend?: BackendName | undefined;
}

/**
 * Opens the place where kernels run.
 *
 * @throws {TypeError} for a name that is none, and without a `module` where the
 * runtime forbids compiling one.
 *
 * @example
 * ```ts
 * import { openBackend } from "@gkv/gkv";
 * import { assert } from "@std/assert";
 *
 * using backend = await openBackend();
 * assert(backend.name.startsWith("wasm"));
 * ```
 */
export async function openBackend(
  options: OpenBackendOptions = {},
): Promise<Backend> {
  const { backend = "wasm" } = options;
  if (backend === "reference") return new ReferenceBackend();
  if (backend === "wasm") return await WasmBackend.open(options);
  throw new TypeError(
    `Cannot open backend ${backend}: wasm or reference is needed`,
  );
}
