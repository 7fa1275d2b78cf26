import type { Backend } from "../../kernels/backend.ts";
import type { Weight } from "../../kernels/tensors.ts";
import { storedBytes, type StoredType } from "../../kernels/stored.ts";
import { outliers } from "./numbers.ts";

/** Every form in which weights are stored. */
export const storedTypes: StoredType[] = [
  "f32",
  "f16",
  "bf16",
  "q8_0",
  "q4_0",
  "q4_1",
];

/** Random bytes are valid in every stored form, but for the floats in them. */
export function storedRows(
  type: StoredType,
  rows: number,
  columns: number,
  seed: number,
): Uint8Array {
  const bytes = new Uint8Array(rows * storedBytes(type, [columns]));
  const view = new DataView(bytes.buffer);
  const numbers = outliers(bytes.length, seed);
  numbers.forEach((value, i) => bytes[i] = value * 1e4);
  for (const at of floatOffsets(type, bytes.length)) {
    // A quarter of them negative; f16 subnormals among them.
    writeFloat(view, at, type, numbers[at] / (1 + at % 3 * 1e4));
  }
  return bytes;
}

/** A weight filled with random rows. */
export function randomWeight(
  backend: Backend,
  columns: number,
  parts: { type: StoredType; rows: number }[],
): Weight {
  const weight = backend.weight(columns, parts);
  let first = 0;
  for (const { type, rows } of parts) {
    const rowBytes = storedBytes(type, [columns]);
    const bytes = storedRows(type, rows, columns, first + rows);
    // In two runs, as a loader's chunks come.
    const split = Math.floor(rows / 32) * 16;
    backend.load(weight, first, bytes.subarray(0, split * rowBytes));
    backend.load(weight, first + split, bytes.subarray(split * rowBytes));
    first += rows;
  }
  return weight;
}

function* floatOffsets(type: StoredType, bytes: number): Iterable<number> {
  const step = { f32: 4, f16: 2, bf16: 2, q8_0: 34, q4_0: 18, q4_1: 20 }[type];
  for (let at = 0; at < bytes; at += step) {
    yield at;
    if (type === "q4_1") yield at + 2;
  }
}

function writeFloat(
  view: DataView,
  at: number,
  type: StoredType,
  value: number,
): void {
  if (type === "f32") view.setFloat32(at, value, true);
  else if (type === "bf16") {
    const word = new DataView(new ArrayBuffer(4));
    word.setFloat32(0, value);
    view.setUint16(at, word.getUint16(0), true);
  } else view.setFloat16(at, Math.max(-6e4, Math.min(6e4, value)), true);
}
