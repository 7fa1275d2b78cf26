const BOX = /\\(?:boxed|fbox)\s*/g;

/**
 * The answer that a text ends with: what its last `\boxed{…}` holds, or else
 * what follows its last `####`; undefined when it has neither.
 */
export function finalAnswer(text: string): string | undefined {
  const ends = closedBraces(text);
  const boxed = [...text.matchAll(BOX)].reverse()
    .map(({ index, 0: box }) => boxAt(text, index + box.length, ends))
    .find((answer) => answer);
  if (boxed) return boxed;
  const at = text.lastIndexOf("####");
  if (at < 0) return undefined;
  return text.slice(at + 4).trim().split("\n")[0] || undefined;
}

/** What is in braces from here on, or else the next word: `\boxed 5`. */
function boxAt(
  text: string,
  start: number,
  ends: ReadonlyMap<number, number>,
): string | undefined {
  if (text[start] === "{") {
    return text.slice(start + 1, ends.get(start) ?? start).trim();
  }
  const word = /[^\s$\\{}]+/y;
  word.lastIndex = start;
  return word.exec(text)?.[0];
}

/** Where each brace is closed, if it is; in one pass, as texts may be long. */
function closedBraces(text: string): Map<number, number> {
  const open: number[] = [];
  const ends = new Map<number, number>();
  for (let at = 0; at < text.length; at++) {
    if (text[at] === "\\") at++; // Of `\{` neither character counts.
    else if (text[at] === "{") open.push(at);
    else if (text[at] === "}" && open.length > 0) ends.set(open.pop()!, at);
  }
  return ends;
}
