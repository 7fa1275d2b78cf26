// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
import { float_0, float_1, float_2, STEP_0, STEP_1, STEP_2 } from "./floats.ts";
import {
  Q4_0_BLOCK,
  Q4_1_BLOCK,
  Q4_MINIMA,
  Q4_SCALES,
  Q8_BLOCK,
  Q8_SCALES,
  StoredType,
  tileBytes,
} from "./packed.ts";

/** Row `id` of a packed part of an embedding table, as floats to `out`. */
export function embed(
  type: i32,
  weight: usize,
  _rows: i32,
  columns: i32,
  id: i32,
  out: usize,
): void {
  const tile = weight + <usize> (id >> 4) * tileBytes(type, columns);
  const lane = <usize> (id & 15);
  const end = out + (<usize> columns << 2);
  if (type == StoredType.Q8_0) embedQ8(tile, lane, out, end);
  else if (type == StoredType.Q4_0) embedQ4_0(tile, lane, out, end);
  else if (type == StoredType.Q4_1) embedQ4_1(tile, lane, out, end);
  else if (type == StoredType.F32) embedFloat_0(tile + (lane << 2), out, end);
  else if (type == StoredType.F16) embedFloat_1(tile + (lane << 1), out, end);
  else embedFloat_2(tile + (lane << 1), out, end);
}

function embedQ8(weight: usize, lane: usize, out: usize, end: usize): void {
  for (; out < end; out += 128) {
    const word = weight + (lane << 2);
    const scale = f32x4.splat(float_1(weight + Q8_SCALES + (lane << 1)));
    // #for $g 0 8
    const bytes$g = v128.load32_zero(word, $g * 64);
    v128.store(out, f32x4.mul(floatsOf(bytes$g), scale), $g * 16);
    // #end
    weight += Q8_BLOCK;
  }
}

// #for $m 0 2
function embedQ4_$m(
  weight: usize,
  lane: usize,
  out: usize,
  end: usize,
): void {
  const mask = i8x16.splat(15), eight = i8x16.splat($m ? 0 : 8);
  for (; out < end; out += 128) {
    const half = weight + (lane << 1), word = weight + (lane << 2);
    const scale = f32x4.splat(float_1(half + Q4_SCALES));
    const minimum = f32x4.splat($m ? float_1(half + Q4_MINIMA) : 0);
    // #for $j 0 4
    const bytes$j = v128.load32_zero(word, $j * 64);
    const low$j = i8x16.sub(v128.and(bytes$j, mask), eight);
    const high$j = i8x16.sub(i8x16.shr_u(bytes$j, 4), eight);
    v128.store(out, scaled(low$j, scale, minimum), $j * 32);
    v128.store(out, scaled(high$j, scale, minimum), $j * 32 + 16);
    // #end
    weight += Q4_$m_BLOCK;
  }
}
// #end

// #for $t 0 3
function embedFloat_$t(weight: usize, out: usize, end: usize): void {
  for (; out < end; out += 4) {
    store<f32>(out, float_$t(weight));
    weight += STEP_$t;
  }
}
// #end

// #inline
function scaled(bytes: v128, scale: v128, minimum: v128): v128 {
  return f32x4.add(f32x4.mul(floatsOf(bytes), scale), minimum);
}

/** The first four signed bytes as floats. */
// #inline
function floatsOf(bytes: v128): v128 {
  const words = i16x8.extend_low_i8x16_s(bytes);
  return f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(words));
}
