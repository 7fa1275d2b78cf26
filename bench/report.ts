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

/** A row with a number that anything may be. */
export function figure(what: string, value: number): Row {
  return { what, value, "at most": "", holds: "" };
}

/** A row with a number that must not be larger than another. */
export function claim(what: string, value: number, most: number): Row {
  return {
    ...figure(what, value),
    "at most": most,
    holds: value <= most ? "yes" : "no",
  };
}

/** Whether any {@linkcode claim} does not hold. */
export function anyBroken(rows: readonly Row[]): boolean {
  return rows.some(({ holds }) => holds === "no");
}

/** Bytes in MiB. */
export function mib(bytes: number): number {
  return bytes / 2 ** 20;
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
