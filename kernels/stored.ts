/** Forms in which a file may hold a tensor's numbers. */
export type StoredType = "f32" | "f16" | "bf16" | "q8_0" | "q4_0" | "q4_1";

/**
 * How many numbers the smallest unit of a type holds, and in how many bytes
 * (ggml's `ggml-common.h`: a float16 scale, for q4_1 a float16 minimum too,
 * then 32 numbers of 8 or 4 bits).
 */
export const STORED_BLOCKS: Record<
  StoredType,
  { numbers: number; bytes: number }
> = {
  f32: { numbers: 1, bytes: 4 },
  f16: { numbers: 1, bytes: 2 },
  bf16: { numbers: 1, bytes: 2 },
  q8_0: { numbers: 32, bytes: 34 },
  q4_0: { numbers: 32, bytes: 18 },
  q4_1: { numbers: 32, bytes: 20 },
};

/**
 * Bytes of a tensor.
 *
 * @param type Form of its numbers.
 * @param shape Outermost first; rows that are not whole blocks give a
 * fraction, which no file can hold.
 */
export function storedBytes(type: StoredType, shape: number[]): number {
  const { numbers, bytes } = STORED_BLOCKS[type];
  const columns = shape.at(-1) ?? 1;
  const rows = shape.slice(0, -1).reduce((product, n) => product * n, 1);
  return rows * (columns / numbers) * bytes;
}

/** Writes the numbers that `bytes` stand for to `out`. */
export function dequantize(
  type: StoredType,
  bytes: Uint8Array,
  out: Float64Array,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { numbers, bytes: step } = STORED_BLOCKS[type];
  for (let i = 0; i * step < bytes.byteLength; i++) {
    readers[type](view, i * step, out, i * numbers);
  }
}

type Reader = (
  view: DataView,
  at: number,
  out: Float64Array,
  to: number,
) => void;

const readers: Record<StoredType, Reader> = {
  f32: (view, at, out, to) => out[to] = view.getFloat32(at, true),
  f16: (view, at, out, to) => out[to] = halfToNumber(view.getUint16(at, true)),
  bf16: (view, at, out, to) => out[to] = bfloat(view.getUint16(at, true)),
  q8_0: (view, at, out, to) => {
    const scale = halfToNumber(view.getUint16(at, true));
    for (let i = 0; i < 32; i++) out[to + i] = scale * view.getInt8(at + 2 + i);
  },
  q4_0: (view, at, out, to) => {
    const scale = halfToNumber(view.getUint16(at, true));
    nibbles(view, at + 2, out, to, scale, -8 * scale);
  },
  q4_1: (view, at, out, to) => {
    const scale = halfToNumber(view.getUint16(at, true));
    const least = halfToNumber(view.getUint16(at + 2, true));
    nibbles(view, at + 4, out, to, scale, least);
  },
};

/** Low nibbles are the first 16 numbers of a block, high ones the rest. */
function nibbles(
  view: DataView,
  at: number,
  out: Float64Array,
  to: number,
  scale: number,
  least: number,
): void {
  for (let i = 0; i < 16; i++) {
    const byte = view.getUint8(at + i);
    out[to + i] = scale * (byte & 15) + least;
    out[to + 16 + i] = scale * (byte >> 4) + least;
  }
}

/** Value of an IEEE 754 half-precision bit pattern. */
export function halfToNumber(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Value of the upper half of a float32's bits. */
function bfloat(bits: number): number {
  word.setUint32(0, bits << 16 >>> 0);
  return word.getFloat32(0);
}

const word = new DataView(new ArrayBuffer(4));
