// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Keeps tokens of a head in place: those in the slots to come fill the holes in
 * the first `k + window`, so that few tokens move.
 *
 * @param width Bytes of a key and of a value.
 * @param keyScales Scales, 0 where there are none; `valueScales` and `sums`
 *   likewise.
 */
export function compact(
  keys: usize,
  keyScales: usize,
  values: usize,
  valueScales: usize,
  width: usize,
  positions: usize,
  sums: usize,
  order: usize,
  kept: usize,
  n: i32,
  k: i32,
  window: i32,
  scratch: usize,
): void {
  markStaying(order, kept, n, k, window, scratch);
  const size = <usize> (k + window);
  let from = <usize> n;
  for (let to: usize = 0; to < size; to++) {
    if (load<u8>(scratch + to)) continue;
    do from--; while (!load<u8>(scratch + from));
    memory.copy(keys + to * width, keys + from * width, width);
    memory.copy(values + to * width, values + from * width, width);
    moveWord(keyScales, from, to);
    moveWord(valueScales, from, to);
    moveWord(positions, from, to);
    moveWord(sums, from, to);
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

/** Copies four bytes of a slot, of what is there. */
function moveWord(words: usize, from: usize, to: usize): void {
  if (words) store<i32>(words + (to << 2), load<i32>(words + (from << 2)));
}
