import { GpuMemoryError } from "../gpu/error.ts";
import { openBackend, type OpenBackendOptions } from "../kernels/open.ts";
import type { Backend } from "../kernels/backend.ts";
import type { Checkpoint } from "./checkpoint/checkpoint.ts";
import { Engine } from "./engine.ts";
import type { LoadOptions } from "./weights.ts";

/** An engine, and its backend if that is another one than was given. */
export interface Loaded {
  /** The weights, where there was memory for them. */
  readonly engine: Engine;
  /** To be disposed of after the engine. */
  readonly own: Backend | undefined;
}

/** Whether WebAssembly may take over from a GPU that nobody asked for. */
export function lacksMemory(backend: Backend, error: unknown): boolean {
  return backend.automatic === true && error instanceof GpuMemoryError;
}

/**
 * Loads onto a backend, or onto WebAssembly if that one {@linkcode
 * lacksMemory}.
 */
export async function loadEngine(
  backend: Backend,
  checkpoint: Checkpoint,
  options: LoadOptions = {},
): Promise<Loaded> {
  try {
    const engine = await Engine.load(backend, checkpoint, options);
    return { engine, own: undefined };
  } catch (error) {
    if (!lacksMemory(backend, error)) throw error;
    return await loadOwn({ backend: "wasm" }, checkpoint, options);
  }
}

/** Loads onto a backend that is opened for it. */
export async function loadOwn(
  which: OpenBackendOptions,
  checkpoint: Checkpoint,
  options: LoadOptions = {},
): Promise<Loaded> {
  const backend = await openBackend(which);
  try {
    const { engine, own } = await loadEngine(backend, checkpoint, options);
    if (own) backend[Symbol.dispose]();
    return { engine, own: own ?? backend };
  } catch (error) {
    backend[Symbol.dispose]();
    throw error;
  }
}
