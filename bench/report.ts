import { type Row, table } from "../cli/table.ts";

export type { Row };

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
