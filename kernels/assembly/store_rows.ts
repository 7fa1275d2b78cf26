// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/** Stores as many lanes as there are rows left: the last tile may be partial. */
// #inline
export function storeRows(out: usize, rows: i32, values: v128): void {
  if (rows >= 4) v128.store(out, values);
  else storeSome(out, rows, values);
}

function storeSome(out: usize, rows: i32, values: v128): void {
  // #for $r 0 3
  if (rows > $r) v128.store32_lane(out, values, $r, $r * 4);
  // #end
}
