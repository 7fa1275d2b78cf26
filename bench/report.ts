/** A line of a report: columns by name, units in the names. */
export type Row = Readonly<Record<string, string | number>>;

/**
 * Prints the results of a bench to standard output: an aligned table, or one
 * object for machines.
 */
export function report(
  bench: string,
  rows: readonly Row[],
  json: boolean,
): void {
  if (json) return console.log(JSON.stringify({ bench, rows }));
  console.log(`${bench}\n\n${table(rows)}\n`);
}

/** Aligned columns; numbers to the right. */
export function table(rows: readonly Row[]): string {
  const names = Object.keys(rows[0] ?? {});
  const cells = [
    names,
    ...rows.map((row) => names.map((name) => show(row, name))),
  ];
  const widths = names.map((_, i) =>
    Math.max(...cells.map((line) => line[i].length))
  );
  return cells.map((line) =>
    line.map((cell, i) =>
      rows.some((row) => typeof row[names[i]] === "number")
        ? cell.padStart(widths[i])
        : cell.padEnd(widths[i])
    ).join("  ").trimEnd()
  ).join("\n");
}

/** Three significant digits; all of a whole number. */
function show(row: Row, name: string): string {
  const value = row[name];
  if (typeof value === "string" || Number.isInteger(value)) return `${value}`;
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, Math.min(4, digits)));
}
