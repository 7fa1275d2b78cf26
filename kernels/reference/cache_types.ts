import type { CacheType } from "../tensors.ts";
import { hadamard } from "./hadamard.ts";

/** Scale of a vector of type `int8`. */
export function scaleOf(vector: ArrayLike<number>): number {
  let most = 0;
  for (let i = 0; i < vector.length; i++) {
    most = Math.max(most, Math.abs(vector[i]));
  }
  return Math.fround(most / 127);
}

/** Rounds a key or a value in place to what a cache of a type holds. */
export function roundTo(type: CacheType, vector: Float64Array): void {
  for (let i = 0; i < vector.length; i++) vector[i] = Math.fround(vector[i]);
  if (type === "f16") vector.forEach((x, i) => vector[i] = roundHalf(x));
  if (type === "int8") roundInt8(vector);
}

/** As {@linkcode roundTo}, of a key: turned first, where the type asks for it. */
export function roundKey(type: CacheType, key: Float64Array): void {
  if (type === "int8") hadamard(key);
  roundTo(type, key);
}

/** A query as the keys of a type are multiplied with it; a copy if turned. */
export function queryFor(type: CacheType, query: Float64Array): Float64Array {
  if (type !== "int8") return query;
  const turned = query.slice();
  hadamard(turned);
  return turned;
}

function roundInt8(vector: Float64Array): void {
  const scale = scaleOf(vector);
  if (scale === 0) return void vector.fill(0);
  vector.forEach((x, i) => vector[i] = scale * roundEven(x / scale));
}

/** The nearest float16, on ties the even one; at most 65,504 either way. */
export function roundHalf(x: number): number {
  const size = Math.abs(x);
  if (size > 65504) return Math.sign(x) * 65504;
  const exponent = Math.max(-14, Math.floor(Math.log2(size || 1)));
  const unit = 2 ** (exponent - 10);
  return unit * roundEven(x / unit);
}

function roundEven(x: number): number {
  const floor = Math.floor(x), rest = x - floor;
  if (rest !== 0.5) return Math.round(x);
  return floor % 2 === 0 ? floor : floor + 1;
}
