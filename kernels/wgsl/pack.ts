import { type GpuKernel, read, write } from "../../gpu/kernel.ts";
import type { GpuQueue } from "../../gpu/queue.ts";
import type { GpuTensor, GpuWeightPart } from "../../gpu/tensor.ts";
import { STORED_BLOCKS, storedBytes, type StoredType } from "../stored.ts";
import { LANES } from "./grid.ts";
import { blockWords, PACKED, TILE_ROWS } from "./packed.ts";

/** Bytes of a file's rows to the order of {@linkcode PackedType}. */
export const packKernel: GpuKernel = {
  name: "pack",
  tensors: { stored: read("u32"), packed: write("u32") },
  u32: [
    "rows",
    "rowBytes",
    "blockBytes",
    "blocks",
    "units",
    "scaleBytes",
    "firstTile",
  ],
  words: ([rows, rowBytes, _, blocks, units, scaleBytes], [__, tiles]) =>
    rows * rowBytes / 4 + tiles * blocks * (64 * units + 4 * scaleBytes),
  code: () => `
@compute @workgroup_size(${LANES})
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
  let unitWords = params.units * 64u;
  let blockWords = unitWords + params.scaleBytes * 4u;
  if (id.x >= params.blocks * blockWords) { return; }
  let block = id.x / blockWords;
  let word = id.x % blockWords;
  let row = id.y * 16u;
  let at = block * params.blockBytes;
  var value: u32;
  if (word < unitWords) {
    let byte = at + params.scaleBytes + word / 64u * 16u + word % 4u * 4u;
    value = wordAt(row + word / 4u % 16u, byte);
  } else if (params.scaleBytes == 4u) {
    value = wordAt(row + word - unitWords, at);
  } else {
    let first = row + 2u * (word - unitWords);
    value = halfAt(first, at) | (halfAt(first + 1u, at) << 16u);
  }
  let tile = params.firstTile + id.y;
  packed[params.packed_offset + tile * params.blocks * blockWords + id.x] =
    value;
}

fn wordAt(row: u32, byte: u32) -> u32 {
  return halfAt(row, byte) | (halfAt(row, byte + 2u) << 16u);
}

// Zero beyond the last row and beyond a row's end.
fn halfAt(row: u32, byte: u32) -> u32 {
  if (row >= params.rows || byte >= params.rowBytes) { return 0u; }
  let at = row * params.rowBytes + byte;
  let word = stored[params.stored_offset + at / 4u];
  return (word >> (at % 4u * 8u)) & 0xffffu;
}
`,
};

/**
 * Words of 4 bytes that rows take in the GPU's order, a multiple of 4; the
 * last rows up to a multiple of 16, and columns up to a whole block, are
 * zeros.
 */
export function packedWords(
  type: StoredType,
  rows: number,
  columns: number,
): number {
  const tiles = Math.ceil(rows / TILE_ROWS);
  const blocks = Math.ceil(columns / PACKED[type].columns);
  return tiles * blocks * blockWords(PACKED[type]);
}

/**
 * Fills rows of a part.
 *
 * @param staging The rows as a file has them: 2-byte units, in words.
 * @param row First row within the part, a multiple of 16.
 * @param rows A multiple of 16, or what is left of the part.
 */
export function pack(
  queue: GpuQueue,
  part: GpuWeightPart,
  staging: GpuTensor,
  row: number,
  rows: number,
  columns: number,
): void {
  const { columns: width, units, scaleBytes } = PACKED[part.type];
  const blocks = Math.ceil(columns / width);
  const { bytes, numbers } = STORED_BLOCKS[part.type];
  const rowBytes = storedBytes(part.type, [columns]);
  const blockBytes = bytes * width / numbers;
  const firstTile = row / TILE_ROWS;
  queue.dispatch(
    packKernel,
    [staging, part.memory],
    [rows, rowBytes, blockBytes, blocks, units, scaleBytes, firstTile],
    [],
    [
      Math.ceil(packedWords(part.type, TILE_ROWS, columns) / LANES),
      Math.ceil(rows / TILE_ROWS),
    ],
  );
}
