/** A line of a table: columns by name, units in the names. */
export type Row = Readonly<Record<string, string | number>>;

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
  if (Math.abs(value) < 1e-3) return value.toExponential(2);
  const digits = 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toFixed(Math.max(0, Math.min(4, digits)));
}
