// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Stores as many lanes as there are rows left: the last tile may be partial. */
// #inline
export function storeRows(out: usize, rows: i32, values: v128): void {
  if (rows >= 4) v128.store(out, values);
  else storeSome(out, rows, values);
}

/** The same for 8 rows, in two vectors, of up to four tokens. */
// #inline
export function storeGroup(
  out: usize,
  outStride: usize,
  rows: i32,
  tokens: i32,
  sum00: v128,
  sum01: v128,
  sum10: v128,
  sum11: v128,
  sum20: v128,
  sum21: v128,
  sum30: v128,
  sum31: v128,
): void {
  // #for $n 0 4
  if (tokens > $n) {
    storeRows(out, rows, sum$n0);
    storeRows(out + 16, rows - 4, sum$n1);
  }
  out += outStride;
  // #end
}

function storeSome(out: usize, rows: i32, values: v128): void {
  // #for $r 0 3
  if (rows > $r) v128.store32_lane(out, values, $r, $r * 4);
  // #end
}
