import type { GpuBinding, GpuKernel } from "../../gpu/kernel.ts";
import type { GpuTensor } from "../../gpu/tensor.ts";
import type { CacheType } from "../tensors.ts";

/**
 * WGSL type of four channels of a key or a value. Elements lie one after the
 * other, `[heads, slots, headDim]`; scales of `int8` follow all of them.
 */
const QUADS = { f32: "vec4<f32>", f16: "vec2<u32>", int8: "u32" } as const;

/** How a kernel takes keys or values of a type: four channels an entry. */
export function cacheBinding(
  type: CacheType,
  access: GpuBinding["access"] = "read",
): GpuBinding {
  return { access, type: QUADS[type] };
}

/** Words of 4 bytes that a key or a value of so many quads takes. */
export function vectorWords(type: CacheType, quads: number): number {
  return { f32: 4 * quads, f16: 2 * quads, int8: quads + 1 }[type];
}

/** A kernel for each type; all but that of `f32` are compiled when needed. */
export function forTypes(
  make: (type: CacheType) => GpuKernel,
): Readonly<Record<CacheType, GpuKernel>> {
  const kernel = (type: CacheType) => {
    const made = make(type);
    if (type === "f32") return made;
    return { ...made, name: `${made.name} of ${type}`, late: true };
  };
  return { f32: kernel("f32"), f16: kernel("f16"), int8: kernel("int8") };
}

/** The type of a cache's keys or values. */
export function typeOf(tensor: GpuTensor): CacheType {
  return tensor.dtype as CacheType;
}

/**
 * WGSL of where vectors are in a tensor `name` of {@linkcode cacheBinding}, in
 * a kernel that has `quads` in its parameters: `NAMEAt(slot, h, quad) -> u32`,
 * and `NAMEScaleAt(slot, h) -> u32` where vectors have scales.
 */
export function cachePlaces(name: string, type: CacheType): string {
  const at = `
fn ${name}At(slot: u32, h: u32, quad: u32) -> u32 {
  return params.${name}_offset / 4u + h * (params.${name}_stride / 4u) +
    slot * params.quads + quad;
}`;
  if (type !== "int8") return at;
  return `${at}

fn ${name}ScaleAt(slot: u32, h: u32) -> u32 {
  return params.${name}_scales +
    h * (params.${name}_stride / (4u * params.quads)) + slot;
}`;
}

/** Makes a stored quad numbers, those of `int8` still without their scale. */
const codes = {
  f32: (quad: string) => quad,
  f16: (quad: string) => `halves(${quad})`,
  int8: (quad: string) => `bytes(${quad})`,
} as const;

/** Functions that {@linkcode codes} calls. */
const unpacking = {
  f32: "",
  f16: `
fn halves(quad: vec2<u32>) -> vec4<f32> {
  return vec4<f32>(unpack2x16float(quad.x), unpack2x16float(quad.y));
}`,
  int8: `
fn bytes(quad: u32) -> vec4<f32> {
  let high = vec4<u32>(quad) << vec4<u32>(24u, 16u, 8u, 0u);
  return vec4<f32>(bitcast<vec4<i32>>(high) >> vec4<u32>(24u));
}`,
} as const;

/**
 * WGSL to read tensors `names` of {@linkcode cacheBinding}, in a kernel that
 * has `quads` in its parameters: `NAMEQuad(slot, h, quad) -> vec4<f32>`, the
 * product of `NAMECodes(slot, h, quad) -> vec4<f32>` and `NAMEScale(slot, h) ->
 * f32`, which is 1 for types without scales.
 */
export function readCache(type: CacheType, ...names: string[]): string {
  return unpacking[type] + names.map((name) => `
${cachePlaces(name, type)}

fn ${name}Codes(slot: u32, h: u32, quad: u32) -> vec4<f32> {
  return ${codes[type](`${name}[${name}At(slot, h, quad)]`)};
}

fn ${name}Scale(slot: u32, h: u32) -> f32 {
  return ${
    type === "int8" ? `bitcast<f32>(${name}[${name}ScaleAt(slot, h)])` : "1.0"
  };
}

fn ${name}Quad(slot: u32, h: u32, quad: u32) -> vec4<f32> {
  let codes = ${name}Codes(slot, h, quad);
  return ${type === "int8" ? `codes * ${name}Scale(slot, h)` : "codes"};
}`).join("\n");
}

/** Functions that round numbers to what is stored. */
const packing = {
  f32: "",
  // Not \`pack2x16float\`, which may round towards zero.
  f16: `
fn halfBits(x: vec4<f32>) -> vec4<u32> {
  let bits = bitcast<vec4<u32>>(clamp(x, vec4<f32>(-65504.0), vec4<f32>(65504.0)));
  let size = bits & vec4<u32>(0x7fffffffu);
  let even = (size >> vec4<u32>(13u)) & vec4<u32>(1u);
  let normal = ((size + vec4<u32>(0xfffu) + even) >> vec4<u32>(13u)) -
    vec4<u32>(112u << 10u);
  let small = vec4<u32>(round(min(abs(x), vec4<f32>(1.0)) * 0x1p24f));
  let sign = (bits >> vec4<u32>(16u)) & vec4<u32>(0x8000u);
  return sign | select(normal, small, size < vec4<u32>(0x38800000u));
}

fn packed(x: vec4<f32>) -> vec2<u32> {
  let bits = halfBits(x);
  return bits.xz | (bits.yw << vec2<u32>(16u));
}`,
  int8: `
fn packed(x: vec4<f32>, scale: f32) -> u32 {
  let codes = round(x / select(scale, 1.0, scale == 0.0));
  let most = vec4<f32>(127.0);
  let bytes = bitcast<vec4<u32>>(vec4<i32>(clamp(codes, -most, most))) &
    vec4<u32>(0xffu);
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}`,
} as const;

/**
 * WGSL to write tensors `names`, for which the kernel has
 * {@linkcode cachePlaces} or {@linkcode readCache}: `NAMEStore(slot, h, quad,
 * x: vec4<f32>, scale: f32)`; a scale, from {@linkcode vectorScale}, is written
 * with the first quad, and does not matter for types without.
 */
export function writeCache(type: CacheType, ...names: string[]): string {
  const value = { f32: "x", f16: "packed(x)", int8: "packed(x, scale)" }[type];
  return packing[type] + names.map((name) => `

fn ${name}Store(slot: u32, h: u32, quad: u32, x: vec4<f32>, scale: f32) {
  ${name}[${name}At(slot, h, quad)] = ${value};
  ${
    type === "int8"
      ? `if (quad == 0u) { ${name}[${name}ScaleAt(slot, h)] = bitcast<u32>(scale); }`
      : ""
  }
}`).join("");
}

/**
 * WGSL of `vectorScale(own: vec4<f32>, lane: u32) -> f32`: the scale of the
 * vector that `params.quads` consecutive lanes of a workgroup of `size` hold,
 * from lane 0 on. All invocations must call it.
 */
export function vectorScale(size: number): string {
  return `
var<workgroup> largest: array<f32, ${size}>;

fn vectorScale(own: vec4<f32>, lane: u32) -> f32 {
  let sizes = abs(own);
  workgroupBarrier();
  largest[lane] = max(max(sizes.x, sizes.y), max(sizes.z, sizes.w));
  workgroupBarrier();
  let first = lane / params.quads * params.quads;
  var most = 0.0;
  for (var i = 0u; i < params.quads; i++) {
    most = max(most, largest[min(first + i, ${size - 1}u)]);
  }
  return most / 127.0;
}`;
}
