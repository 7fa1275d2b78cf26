import { fastestBuild } from "./fastest_build.ts";

/**
 * What a build of `kernels/assembly` exports. Addresses and strides are in
 * bytes; the meaning is that of {@linkcode Kernels}.
 */
export interface WasmKernels {
  readonly memory: WebAssembly.Memory;
  readonly add: Export;
  readonly append: Export;
  readonly argmax: Export;
  readonly attention: Export;
  readonly compact: Export;
  readonly copy: Export;
  readonly embed: Export;
  readonly finite: Export;
  readonly gather: Export;
  readonly keydiff: Export;
  readonly linear: Export;
  readonly mergeHistory: Export;
  readonly mixScores: Export;
  readonly normalise: Export;
  readonly order: Export;
  readonly pack: Export;
  readonly pool: Export;
  readonly protect: Export;
  readonly quota: Export;
  readonly random: Export;
  readonly recency: Export;
  readonly redundancy: Export;
  readonly reposition: Export;
  readonly rmsNorm: Export;
  readonly rope: Export;
  readonly softmax: Export;
  readonly swiglu: Export;
  readonly tallyScores: Export;
  readonly topK: Export;
  readonly windowScores: Export;
}

type Export = (...args: number[]) => number;

/** Instruction sets there are builds for. */
export type WasmBuild = "relaxed-simd" | "simd";

/** How {@linkcode instantiateKernels} gets its module. */
export interface WasmOptions {
  /** Build to use; by default the one with faster products here, measured once. */
  build?: WasmBuild | undefined;
  /**
   * A build compiled elsewhere, for runtimes that forbid compiling bytes
   * (Cloudflare Workers, Vercel Edge): `wasm/simd.wasm` of this package.
   */
  module?: WebAssembly.Module | undefined;
}

/**
 * An instance of its own, and which build it is.
 *
 * @throws {TypeError} when the runtime cannot or must not compile bytes.
 */
export async function instantiateKernels(
  { build, module }: WasmOptions,
): Promise<{ kernels: WasmKernels; build: string }> {
  if (module) return { kernels: await instantiate(module), build: "given" };
  const chosen = build ?? fastestBuild();
  const bytes = Uint8Array.from(
    atob(await embedded[chosen]()),
    (character) => character.charCodeAt(0),
  );
  return { kernels: await instantiate(await compile(bytes)), build: chosen };
}

async function compile(bytes: BufferSource): Promise<WebAssembly.Module> {
  try {
    return await WebAssembly.compile(bytes);
  } catch (cause) {
    throw new TypeError(
      `Cannot compile the kernels: ${(cause as Error).message}, ` +
        `a module compiled elsewhere is needed`,
      { cause },
    );
  }
}

/** Lazy, so that only the build that is used is ever loaded. */
const embedded: Record<WasmBuild, () => Promise<string>> = {
  "relaxed-simd": async () =>
    (await import("./relaxed_simd_embedded.ts")).base64,
  simd: async () => (await import("./simd_embedded.ts")).base64,
};

async function instantiate(module: WebAssembly.Module): Promise<WasmKernels> {
  const { exports } = await WebAssembly.instantiate(module);
  return exports as unknown as WasmKernels;
}
