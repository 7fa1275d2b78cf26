// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Keeps tokens in place: those in the slots to come fill the holes in the
 * first `k + window`, so that few tokens move.
 */
export function compact(
  keys: usize,
  values: usize,
  positions: usize,
  slots: i32,
  kvHeads: i32,
  headDim: i32,
  order: usize,
  kept: usize,
  n: i32,
  k: i32,
  window: i32,
  scratch: usize,
): void {
  const width = <usize> headDim << 2;
  for (let head = 0; head < kvHeads; head++) {
    markStaying(order, kept, n, k, window, scratch);
    fillHoles(keys, values, positions, width, n, k + window, scratch);
    keys += <usize> slots * width;
    values += <usize> slots * width;
    positions += <usize> slots << 2;
    order += <usize> slots << 2;
    kept += <usize> slots << 2;
  }
}

/** Sets the bytes at `staying` to 1 for slots whose token stays. */
function markStaying(
  order: usize,
  kept: usize,
  n: i32,
  k: i32,
  window: i32,
  staying: usize,
): void {
  memory.fill(staying, 0, n);
  for (let i = 0; i < k; i++) {
    const rank = load<i32>(kept + (<usize> i << 2));
    store<u8>(staying + load<i32>(order + (<usize> rank << 2)), 1);
  }
  for (let rank = n - window; rank < n; rank++) {
    store<u8>(staying + load<i32>(order + (<usize> rank << 2)), 1);
  }
}

/** Moves tokens from behind `size` slots into those that get free. */
function fillHoles(
  keys: usize,
  values: usize,
  positions: usize,
  width: usize,
  n: i32,
  size: i32,
  staying: usize,
): void {
  let from = <usize> n;
  for (let to: usize = 0; to < <usize> size; to++) {
    if (load<u8>(staying + to)) continue;
    do from--; while (!load<u8>(staying + from));
    memory.copy(keys + to * width, keys + from * width, width);
    memory.copy(values + to * width, values + from * width, width);
    store<i32>(positions + (to << 2), load<i32>(positions + (from << 2)));
  }
}
