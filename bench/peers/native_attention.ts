import type { AttentionCase, AttentionPeer } from "../attention_case.ts";

const source = new URL("native_attention.c", import.meta.url);
const symbols = {
  attend: {
    parameters: ["buffer", "buffer", "buffer", "buffer"],
    result: "void",
  },
} as const;

/**
 * The same loops in C, compiled for this machine and these sizes, with sums in
 * any order and vectors of 512 bits where it has them.
 */
export class NativeAttention implements AttentionPeer {
  readonly name = "C, f32";
  readonly #given: AttentionCase;
  readonly #library: Deno.DynamicLibrary<typeof symbols>;
  readonly #layers: { keys: Float32Array; values: Float32Array }[];
  readonly #out: Float32Array<ArrayBuffer>;

  private constructor(given: AttentionCase, layers: number, path: string) {
    const { keys, values } = given;
    this.#given = given;
    this.#library = Deno.dlopen(path, symbols);
    this.#layers = Array.from({ length: layers }, () => ({
      keys: keys.slice(),
      values: values.slice(),
    }));
    this.#out = new Float32Array(given.q.length);
  }

  /** Compiles it; `undefined` where there is no compiler. */
  static async open(
    given: AttentionCase,
    layers: number,
  ): Promise<NativeAttention | undefined> {
    const directory = await Deno.makeTempDir();
    try {
      const path = `${directory}/attention.so`;
      if (!await compile(given, path)) return undefined;
      return new NativeAttention(given, layers, path);
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  }

  attend(layer: number): void {
    const { keys, values } = this.#layers[layer];
    this.#library.symbols.attend(
      this.#given.q as Float32Array<ArrayBuffer>,
      keys as Float32Array<ArrayBuffer>,
      values as Float32Array<ArrayBuffer>,
      this.#out,
    );
  }

  output(): Promise<Float32Array> {
    return Promise.resolve(this.#out.slice());
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#library.close();
    return Promise.resolve();
  }
}

/** Whether there is a compiler, and it made the library. */
async function compile(
  { queryHeads, kvHeads, headDim, tokens }: AttentionCase,
  path: string,
): Promise<boolean> {
  const sizes = {
    KV_HEADS: kvHeads,
    GROUP: queryHeads / kvHeads,
    HEAD_DIM: headDim,
    TOKENS: tokens,
  };
  const definitions = Object.entries(sizes)
    .map(([name, size]) => `-D${name}=${size}`);
  const wide = Deno.build.arch === "x86_64"
    ? ["-mprefer-vector-width=512"]
    : [];
  const flags = ["-O3", "-march=native", "-ffast-math", ...wide];
  try {
    const { success, stderr } = await new Deno.Command("cc", {
      args: [
        ...flags,
        ...definitions,
        ...["-shared", "-fPIC", source.pathname, "-o", path, "-lm"],
      ],
    }).output();
    if (success) return true;
    throw new Error(
      `Cannot compile ${source.pathname}: ${new TextDecoder().decode(stderr)}`,
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
