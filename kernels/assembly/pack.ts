// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
import {
  Q4_0_BLOCK,
  Q4_0_STORED,
  Q4_1_BLOCK,
  Q4_1_STORED,
  Q4_MINIMA,
  Q4_SCALES,
  Q8_BLOCK,
  Q8_SCALES,
  Q8_STORED,
  storedBytes,
  StoredType,
  tileBytes,
} from "./packed.ts";

/**
 * Brings rows from the order of a file into that of packed.ts.
 *
 * @param source `rows` rows in the stored form, one after the other.
 * @param target Start of the part they belong to.
 * @param row Their place in the part, a multiple of 16.
 */
export function pack(
  type: i32,
  source: usize,
  target: usize,
  row: i32,
  rows: i32,
  columns: i32,
): void {
  const bytes = storedBytes(type, columns), tile = tileBytes(type, columns);
  target += <usize> (row >> 4) * tile;
  if (rows & 15) memory.fill(target + <usize> (rows >> 4) * tile, 0, tile);
  for (let r = 0; r < rows; r++) {
    packRow(type, source, target + <usize> (r >> 4) * tile, r & 15, columns);
    source += bytes;
  }
}

function packRow(
  type: i32,
  source: usize,
  tile: usize,
  lane: usize,
  columns: i32,
): void {
  const blocks = columns >> 5;
  if (type == StoredType.Q8_0) packQ8(source, tile, lane, blocks);
  else if (type == StoredType.Q4_0) packQ4_0(source, tile, lane, blocks);
  else if (type == StoredType.Q4_1) packQ4_1(source, tile, lane, blocks);
  else if (type == StoredType.F32) packFloats<u32>(source, tile, lane, columns);
  else packFloats<u16>(source, tile, lane, columns);
}

function packQ8(source: usize, target: usize, lane: usize, blocks: i32): void {
  for (; blocks > 0; blocks--) {
    store<u16>(target + (lane << 1), load<u16>(source), Q8_SCALES);
    // #for $g 0 8
    store<u32>(target + (lane << 2), load<u32>(source, 2 + $g * 4), $g * 64);
    // #end
    source += Q8_STORED;
    target += Q8_BLOCK;
  }
}

// #for $m 0 2
function packQ4_$m(
  source: usize,
  target: usize,
  lane: usize,
  blocks: i32,
): void {
  for (; blocks > 0; blocks--) {
    const half = target + (lane << 1), word = target + (lane << 2);
    store<u16>(half, load<u16>(source), Q4_SCALES);
    if ($m) store<u16>(half, load<u16>(source, 2), Q4_MINIMA);
    // A file has inputs 0 … 15 in the low nibbles and 16 … 31 in the high ones.
    // #for $h 0 2
    const bytes$h = load<u64>(source, 2 + $m * 2 + $h * 8);
    store<u32>(word, nibbles(bytes$h), $h * 64);
    store<u32>(word, nibbles(bytes$h >> 4), $h * 64 + 128);
    // #end
    source += Q4_$m_STORED;
    target += Q4_$m_BLOCK;
  }
}
// #end

/** The low nibbles of bytes 0 … 3, and of bytes 4 … 7 above them. */
// #inline
function nibbles(bytes: u64): u32 {
  bytes &= 0x0f0f0f0f0f0f0f0f;
  return <u32> (bytes | bytes >> 28);
}

function packFloats<T>(
  source: usize,
  tile: usize,
  lane: usize,
  columns: i32,
): void {
  let target = tile + lane * sizeof<T>();
  for (; columns > 0; columns--) {
    store<T>(target, load<T>(source));
    source += sizeof<T>();
    target += sizeof<T>() << 4;
  }
}
