// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

// Each column of the matrix of similarities looks for the last row in which it
// is above a threshold. Three arrays of whole vectors, one entry a column: the
// sum of its row, the row that was found, -1 for none yet ("open"), and the
// similarity with it.

/** Above it two keys count as near-duplicates (arXiv 2505.24133). */
const THRESHOLD: f32 = 0.5;

/** Bytes of an array. */
// #inline
function arrayBytes(n: i32): usize {
  return <usize> ((n + 3) & ~3) << 2;
}

/** Opens all columns. */
export function clearColumns(columns: usize, n: i32): void {
  memory.fill(columns + arrayBytes(n), 255, arrayBytes(n));
}

/** Whether any of `count` columns from `first` on is open. */
export function anyOpen(
  columns: usize,
  n: i32,
  first: i32,
  count: i32,
): bool {
  const from = columns + arrayBytes(n) + (<usize> first << 2);
  const end = from + (<usize> count << 2);
  for (let found = from; found < end; found += 4) {
    if (load<i32>(found) < 0) return true;
  }
  return false;
}

/**
 * Closes column `row` with the last of the `count` rows from `start` on that
 * is newer and similar, and by symmetry those columns with `row`, as far as
 * they are open.
 */
export function closeColumns(
  similarities: usize,
  row: i32,
  start: i32,
  count: i32,
  columns: usize,
  n: i32,
): void {
  clearOutside(similarities, row + 1 - start, count);
  const threshold = f32x4.splat(THRESHOLD);
  for (let i = (count - 1) & ~3; i >= 0; i -= 4) {
    const x = v128.load(similarities + (<usize> i << 2));
    const similar = f32x4.gt(x, threshold);
    if (!v128.any_true(similar)) continue;
    const column = columns + (<usize> (start + i) << 2);
    const last = 31 - clz(i32x4.bitmask(similar));
    const value = load<f32>(similarities + (<usize> (i + last) << 2));
    close(columns + (<usize> row << 2), start + i + last, value, n);
    closeLanes(column + arrayBytes(n), row, x, similar, arrayBytes(n));
  }
}

/** Clears the first `from` similarities, and what is after `count` in a vector. */
function clearOutside(similarities: usize, from: i32, count: i32): void {
  const whole = (count + 3) & ~3;
  for (let i = 0; i < min(from, whole); i++) {
    store<f32>(similarities + (<usize> i << 2), 0);
  }
  for (let i = count; i < whole; i++) {
    store<f32>(similarities + (<usize> i << 2), 0);
  }
}

/** Closes one column, if it is open. */
// #inline
function close(column: usize, row: i32, value: f32, n: i32): void {
  const found = column + arrayBytes(n);
  if (load<i32>(found) >= 0) return;
  store<i32>(found, row);
  store<f32>(found + arrayBytes(n), value);
}

/** Closes those of four columns that are open and similar. */
// #inline
function closeLanes(
  found: usize,
  row: i32,
  x: v128,
  similar: v128,
  bytes: usize,
): void {
  const rows = v128.load(found), values = v128.load(found + bytes);
  const chosen = v128.and(similar, i32x4.lt_s(rows, i32x4.splat(0)));
  v128.store(found, v128.bitselect(i32x4.splat(row), rows, chosen));
  v128.store(found + bytes, v128.bitselect(x, values, chosen));
}

/** Takes each column's last similarity off the sum of the row it is in. */
export function takeBack(columns: usize, n: i32): void {
  const end = columns + (<usize> n << 2), bytes = arrayBytes(n);
  for (let column = columns; column < end; column += 4) {
    const row = load<i32>(column + bytes);
    if (row < 0) continue;
    const sum = columns + (<usize> row << 2);
    store<f32>(sum, load<f32>(sum) - load<f32>(column + bytes * 2));
  }
}
