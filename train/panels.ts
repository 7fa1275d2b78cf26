import type { Curve, Panel } from "./curves.ts";
import type { LogEntry } from "./run_folder.ts";

/** Loss, accuracy by kind of token, and level, if there is one, of a log. */
export function panelsOf(entries: LogEntry[]): Panel[] {
  const kinds = new Set(
    entries.flatMap((entry) => Object.keys(accuracyOf(entry))),
  );
  // Form is learnt before there is anything to see.
  kinds.delete("x");
  const accuracy = [...kinds].map((kind) =>
    curve(kind, entries, (entry) => accuracyOf(entry)[kind])
  );
  const level = curve("level", entries, ({ level }) => level);
  return [
    { title: "loss", curves: [curve("loss", entries, ({ loss }) => loss)] },
    { title: "accuracy by kind of token", curves: accuracy },
    ...level.points.length > 0 ? [{ title: "level", curves: [level] }] : [],
  ];
}

function accuracyOf({ accuracy = {} }: LogEntry): Record<string, number> {
  return accuracy as Record<string, number>;
}

function curve(
  name: string,
  entries: LogEntry[],
  y: (entry: LogEntry) => unknown,
): Curve {
  const points = entries.flatMap((entry): [number, number][] => {
    const value = y(entry);
    return typeof value === "number" ? [[entry.tokens / 1e6, value]] : [];
  });
  return { name, points };
}
