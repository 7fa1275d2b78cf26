import type { StoredType } from "../stored.ts";

/** Rows of a tile: a block holds as many numbers of each of them. */
export const TILE_ROWS = 16;

/**
 * How a stored type lies in GPU memory.
 *
 * A weight is tiles of 16 rows, a tile is blocks of some columns. A block has
 * its numbers first, in units of 16 bytes: unit 0 of all 16 rows, then unit 1.
 * So neighbouring invocations that have neighbouring rows load neighbouring
 * 128 bits. The float16 scales follow: 16 of them, or pairs of scale and
 * minimum. Numbers keep the bits they have in a file.
 */
export interface PackedType {
  /** Columns of a block. */
  readonly columns: number;
  /** Units that a row has in a block. */
  readonly units: number;
  /** Bytes of scale that a row has in a block. */
  readonly scaleBytes: number;
  /** WGSL body of `scaleOf`, see {@linkcode unpackCode}. */
  readonly scale: string;
  /** WGSL body of `four`, see {@linkcode unpackCode}. */
  readonly four: string;
}

const oneScale = `
  let pair = weight[start + UNITS * 16u + row / 8u][row / 2u % 4u];
  let scale = unpack2x16float(pair)[row % 2u];`;

const half = `let pair = select(words.xy, words.zw, j == 1u);`;

/** The low nibbles of a block are its first 16 numbers, the high ones the rest. */
const nibbles = `
  let bits = vec4(words[j % 4u] >> (j & 4u)) >> vec4(0u, 8u, 16u, 24u);
  return vec4<f32>(bits & vec4(15u)) * scale.x + scale.y;`;

const float = { units: 1, scaleBytes: 0, scale: `return vec2(1.0, 0.0);` };

/** The packed form of every stored type. */
export const PACKED: Record<StoredType, PackedType> = {
  f32: { ...float, columns: 4, four: `return bitcast<vec4<f32>>(words);` },
  f16: {
    ...float,
    columns: 8,
    four: `${half}
  return vec4(unpack2x16float(pair.x), unpack2x16float(pair.y));`,
  },
  bf16: {
    ...float,
    columns: 8,
    four: `${half}
  let low = pair << vec2(16u);
  let high = pair & vec2(0xffff0000u);
  return bitcast<vec4<f32>>(vec4(low.x, high.x, low.y, high.y));`,
  },
  q8_0: {
    columns: 32,
    units: 2,
    scaleBytes: 2,
    scale: `${oneScale}
  return vec2(scale, 0.0);`,
    four: `
  let bits = vec4(words[j]) << vec4(24u, 16u, 8u, 0u);
  return vec4<f32>(bitcast<vec4<i32>>(bits) >> vec4(24u)) * scale.x;`,
  },
  q4_0: {
    columns: 32,
    units: 1,
    scaleBytes: 2,
    scale: `${oneScale}
  return vec2(scale, -8.0 * scale);`,
    four: nibbles,
  },
  q4_1: {
    columns: 32,
    units: 1,
    scaleBytes: 4,
    scale: `
  return unpack2x16float(weight[start + 16u + row / 4u][row % 4u]);`,
    four: nibbles,
  },
};

/** Words of 4 bytes that a block of 16 rows takes. */
export function blockWords({ units, scaleBytes }: PackedType): number {
  return TILE_ROWS * (units * 16 + scaleBytes) / 4;
}

/**
 * WGSL that reads a weight bound as `weight: array<vec4<u32>>`.
 *
 * - `blockStart(tile, block)`: where a block is, in a weight of
 *   `params.columns`.
 * - `scaleOf(start, row)`: factor and summand of a row's numbers in the block
 *   that is at `start`.
 * - `four(words, j, scale)`: numbers `4j … 4j + 3` of a unit.
 * - `fourAt(row, column)`: four numbers from a column on that is a multiple of
 *   4 and within the row.
 */
export function unpackCode(type: StoredType): string {
  const packed = PACKED[type];
  const { columns, units, scale, four } = packed;
  return `
const COLUMNS = ${columns}u;
const UNITS = ${units}u;
const UNIT_COLUMNS = ${columns / units}u;
const BLOCK = ${blockWords(packed) / 4}u;

fn blocks() -> u32 { return (params.columns + COLUMNS - 1u) / COLUMNS; }

fn blockStart(tile: u32, block: u32) -> u32 {
  return (tile * blocks() + block) * BLOCK;
}

fn scaleOf(start: u32, row: u32) -> vec2<f32> { ${scale} }

fn four(words: vec4<u32>, j: u32, scale: vec2<f32>) -> vec4<f32> { ${four} }

fn fourAt(row: u32, column: u32) -> vec4<f32> {
  let start = blockStart(row / 16u, column / COLUMNS);
  let unit = column % COLUMNS / UNIT_COLUMNS;
  let words = weight[start + unit * 16u + row % 16u];
  let scale = scaleOf(start, row % 16u);
  return four(words, column % UNIT_COLUMNS / 4u, scale);
}
`;
}

/** What `make` gives for every stored type. */
export function ofStoredTypes<T>(
  make: (type: StoredType) => T,
): Record<StoredType, T> {
  const types = Object.keys(PACKED) as StoredType[];
  return Object.fromEntries(types.map((type) => [type, make(type)])) as Record<
    StoredType,
    T
  >;
}
