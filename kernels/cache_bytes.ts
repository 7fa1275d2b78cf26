import type { CacheType } from "./tensors.ts";

/** Bytes of a vector of `headDim` numbers, with its scale if it has one. */
export function vectorBytes(type: CacheType, headDim: number): number {
  if (type === "int8") return headDim + Float32Array.BYTES_PER_ELEMENT;
  return headDim * (type === "f16" ? 2 : Float32Array.BYTES_PER_ELEMENT);
}
