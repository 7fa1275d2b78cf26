import { halfToNumber } from "../stored.ts";
import { scaleOf } from "./cache_types.ts";
import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Backend.save}. */
export function save(tensor: ArrayTensor, n: number): Uint8Array {
  const vectors = vectorsOf(tensor, n);
  const width = vectors[0]?.length ?? 1;
  const size = { f32: 4, i32: 4, f16: 2, int8: 1 }[tensor.dtype];
  const scales = tensor.dtype === "int8" ? 4 : 0;
  const bytes = new Uint8Array(vectors.length * (width * size + scales));
  const view = new DataView(bytes.buffer);
  vectors.forEach((vector, i) => {
    const scale = scaleOf(vector);
    vector.forEach((x, c) => {
      const at = (i * width + c) * size;
      if (tensor.dtype === "f32") view.setFloat32(at, x, true);
      if (tensor.dtype === "i32") view.setInt32(at, x, true);
      if (tensor.dtype === "f16") view.setUint16(at, halfBits(x), true);
      if (tensor.dtype === "int8") view.setInt8(at, Math.round(x / scale || 0));
    });
    if (!scales) return;
    view.setFloat32(vectors.length * width + 4 * i, scale, true);
  });
  return bytes;
}

/** Reference of {@linkcode Backend.restore}. */
export function restore(
  tensor: ArrayTensor,
  n: number,
  bytes: Uint8Array,
): void {
  const vectors = vectorsOf(tensor, n);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  vectors.forEach((vector, i) => {
    const width = vector.length;
    for (let c = 0; c < width; c++) {
      const at = i * width + c;
      if (tensor.dtype === "f32") vector[c] = view.getFloat32(4 * at, true);
      if (tensor.dtype === "i32") vector[c] = view.getInt32(4 * at, true);
      if (tensor.dtype === "f16") {
        vector[c] = halfToNumber(view.getUint16(2 * at, true));
      }
      if (tensor.dtype === "int8") {
        const scale = view.getFloat32(vectors.length * width + 4 * i, true);
        vector[c] = scale * view.getInt8(at);
      }
    }
  });
}

/** The vectors of the first `n` slots of each head, in place. */
function vectorsOf(
  tensor: ArrayTensor,
  n: number,
): (Float64Array | Int32Array)[] {
  const [heads, _, width = 1] = tensor.shape;
  return Array.from({ length: heads * n }, (_, i) => {
    const row = tensor.row<Float64Array | Int32Array>(Math.floor(i / n));
    return row.subarray(i % n * width, (i % n + 1) * width);
  });
}

/** Bits of a number that is a float16. */
function halfBits(x: number): number {
  const sign = x < 0 || Object.is(x, -0) ? 0x8000 : 0;
  const size = Math.abs(x);
  if (size < 2 ** -14) return sign | size * 2 ** 24;
  const exponent = Math.floor(Math.log2(size));
  return sign | (exponent + 15) << 10 | (size / 2 ** exponent - 1) * 1024;
}
