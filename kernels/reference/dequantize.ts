import type { StoredType } from "../../model/checkpoint.ts";

/** Numbers and bytes of one block of a stored type (ggml's block formats). */
const blocks: Record<StoredType, { size: number; bytes: number }> = {
  f32: { size: 1, bytes: 4 },
  f16: { size: 1, bytes: 2 },
  bf16: { size: 1, bytes: 2 },
  q8_0: { size: 32, bytes: 34 },
  q4_0: { size: 32, bytes: 18 },
  q4_1: { size: 32, bytes: 20 },
};

/** Bytes of `count` numbers, a multiple of the type's block, in stored form. */
export function storedBytes(type: StoredType, count: number): number {
  return count / blocks[type].size * blocks[type].bytes;
}

/** Numbers in a block of the type: a row's length is a multiple of it. */
export function blockSize(type: StoredType): number {
  return blocks[type].size;
}

/** Writes the numbers that `bytes` stand for to `out`. */
export function dequantize(
  type: StoredType,
  bytes: Uint8Array,
  out: Float64Array,
): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { size, bytes: step } = blocks[type];
  for (let i = 0; i * step < bytes.byteLength; i++) {
    readers[type](view, i * step, out, i * size);
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
function halfToNumber(bits: number): number {
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
