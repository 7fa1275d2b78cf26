/** A tuple or an interval. */
export interface Tuple {
  /** Its brackets: `(]` is open below and closed above. */
  readonly brackets: string;
  /** What is between the commas, in order. */
  readonly parts: string[];
}

/** What stands between commas, of a set or of a list; in any order. */
export function elementsOf(text: string): string[] {
  const inner = /^\\\{([^]*)\\\}$/.exec(text)?.[1];
  const parts = inner === undefined ? undefined : splitOutside(inner, ",");
  return parts ?? splitOutside(text, ",") ?? [text];
}

/** The sets that a union is of; in any order. */
export function unitedIn(text: string): string[] {
  return splitOutside(text.replace(/\\cup(?![a-zA-Z])/g, "∪"), "∪") ?? [text];
}

/** A tuple or an interval; undefined for anything else. */
export function tupleOf(text: string): Tuple | undefined {
  const match = /^([[(])([^]*)([\])])$/.exec(text);
  if (!match) return undefined;
  const [, open, inner, close] = match;
  const parts = splitOutside(inner!, ",");
  if (parts === undefined || parts.length < 2) return undefined;
  return { brackets: open! + close!, parts };
}

/**
 * Splits at a character where no bracket is open; undefined if more are closed
 * than were opened, as within `(1)+(2)`.
 */
function splitOutside(text: string, separator: string): string[] | undefined {
  const parts = [""];
  let depth = 0;
  for (const character of text) {
    if ("([{".includes(character)) depth++;
    else if (")]}".includes(character)) depth--;
    if (depth < 0) return undefined;
    if (character === separator && depth === 0) parts.push("");
    else parts[parts.length - 1] += character;
  }
  return parts.map((part) => part.trim());
}
