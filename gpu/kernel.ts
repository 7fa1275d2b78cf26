import type { GpuFeatures } from "./device.ts";

/** How a kernel uses a tensor, and what it takes its elements for. */
export interface GpuBinding {
  readonly access: "read" | "read_write";
  /**
   * WGSL type of an element; `half4` is four numbers of 16 bits, `vec4<f16>`
   * where the GPU has them and `vec2<u32>` elsewhere.
   */
  readonly type:
    | "half4"
    | "f32"
    | "i32"
    | "u32"
    | "vec2<u32>"
    | "vec4<f32>"
    | "vec4<u32>"
    | "atomic<u32>";
}

/**
 * A kernel as data: WGSL and what it is called with.
 *
 * The code sees each tensor as a global array of its name, and `params`, a
 * struct of the named numbers; for each tensor `NAME_offset` and `NAME_stride`
 * (elements) and `NAME_scales` (word of 4 bytes of the first scale, for those
 * of type `int8`) come first in it.
 */
export interface GpuKernel {
  /** Name of the op, as in `kernels/ops.ts`. */
  readonly name: string;
  readonly tensors: Readonly<Record<string, GpuBinding>>;
  /** Whole numbers in `params`. */
  readonly u32: readonly string[];
  /** Fractions in `params`. */
  readonly f32?: readonly string[];
  /**
   * Words of 4 bytes that a dispatch reads and that it writes, in quarters.
   * Each counts once, however many workgroups share it: caches are for that.
   *
   * @param u32 Whole numbers, in their order.
   * @param groups Workgroups along x, y and z.
   */
  readonly words: (u32: readonly number[], groups: readonly number[]) => number;
  /** WGSL with an entry point `main`. */
  readonly code: (features: GpuFeatures) => string;
  /** Compiled at its first dispatch, as most who open a GPU never need it. */
  readonly late?: boolean;
}

/** A tensor that is only read. */
export const read = (type: GpuBinding["type"] = "f32"): GpuBinding => ({
  access: "read",
  type,
});

/** A tensor that is written, perhaps in place. */
export const write = (type: GpuBinding["type"] = "f32"): GpuBinding => ({
  access: "read_write",
  type,
});

/** Names of all whole-number parameters, in their order in memory. */
export function wholeParameters(kernel: GpuKernel): string[] {
  const places = Object.keys(kernel.tensors)
    .flatMap((name) =>
      ["offset", "stride", "scales"].map((of) => `${name}_${of}`)
    );
  return [...places, ...kernel.u32];
}

/** The complete WGSL of a kernel. */
export function sourceOf(kernel: GpuKernel, features: GpuFeatures): string {
  const fields = [
    ...wholeParameters(kernel).map((name) => `  ${name}: u32,`),
    ...(kernel.f32 ?? []).map((name) => `  ${name}: f32,`),
  ];
  const half4 = features.f16 ? "vec4<f16>" : "vec2<u32>";
  const bindings = Object.entries(kernel.tensors).map((
    [name, { access, type }],
    i,
  ) =>
    `@group(0) @binding(${i}) var<storage, ${access}> ${name}: array<${
      type === "half4" ? half4 : type
    }>;`
  );
  return [
    ...(features.subgroups ? ["enable subgroups;"] : []),
    ...(features.f16 ? ["enable f16;"] : []),
    "struct Params {",
    ...fields,
    "}",
    ...bindings,
    `@group(0) @binding(${bindings.length}) var<uniform> params: Params;`,
    kernel.code(features),
  ].join("\n");
}
