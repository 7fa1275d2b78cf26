const WRAPPED = /^(?:\$+([^$]*)\$+|\\\(([^]*)\\\)|\\\[([^]*)\\\])$/;

/** What text in mathematics is set with. */
const TEXT = String.raw`\\(?:text(?:bf|rm|it)?|mbox|mathrm|mathbf)\s*`;

const UNIT = new RegExp(
  String.raw`(?<=[\d})!.])\s*${TEXT}\{[^{}]*\}(?:\^\{?\d\}?)?$`,
);

/** What is said otherwise, in order; nothing of it changes an answer. */
const rules: readonly [RegExp, string][] = [
  [/−/g, "-"],
  [/×/g, "\\times "],
  [/[·*]/g, "\\cdot "],
  [/π|(?<![\\a-zA-Z])pi(?![a-zA-Z])/g, "\\pi "],
  [/∞/g, "\\infty "],
  [/(?<![\\a-zA-Z])sqrt\(([^()]*)\)/g, "\\sqrt{$1}"],
  [/√\s*(\d+|\([^()]*\))/g, "\\sqrt{$1}"],
  [/\\(?:left|right|big|Big|displaystyle|textstyle)(?![a-zA-Z])/g, ""],
  [/\\[dtc]frac/g, "\\frac"],
  [/(?<=\d)(?:\{,\}|\\,|\\!|,\\!)(?=\d{3}(?!\d))/g, ""],
  [/\\!/g, ""],
  [/\\[,;: ]|~|\\q?quad/g, " "],
  [UNIT, ""],
  [new RegExp(`${TEXT}\\{([^{}]*)\\}`, "g"), "$1"],
  [/\^\s*\{?\s*\\circ\s*\}?|°|\\degrees?/g, ""],
  [/\\?%|\\?\$/g, ""],
  [/\s+(?:or|and)\s+/g, ","],
  [/\s+/g, " "],
  [/^ | ?[.;,]? ?$/g, ""],
  [
    /^\\?[a-zA-Z](?:_\w|_\{\w+\}|\([a-z]\))? ?(?:=|\\in(?![a-z])) ?(?=[^=]*$)/,
    "",
  ],
  [/^(-?[\d.,]+(?:\/\d+)?) [a-zA-Z]{2,}[a-zA-Z ./^\d²³]*$/, "$1"],
  // A mixed number, which would be 31 halves.
  [/^(-?)(\d+) (\d+)\/(\d+)$/, "$1($2+\\frac{$3}{$4})"],
  [/^\(([a-zA-Z])\)$/, "$1"],
];

/** Commas between thousands, in all of a number. */
const THOUSANDS = /^[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?$/;

/**
 * An answer without what graders of mathematics do not look at: dollars,
 * percent, degrees, units, `x =`, spacing, the size of brackets, commas between
 * thousands.
 */
export function plainAnswer(answer: string): string {
  const trimmed = answer.trim();
  const inner = WRAPPED.exec(trimmed)?.slice(1).find((part) => part);
  const plain = rules.reduce(
    (text, [pattern, replacement]) => text.replace(pattern, replacement),
    inner ?? trimmed,
  );
  return THOUSANDS.test(plain) ? plain.replaceAll(",", "") : plain;
}

/**
 * Whether two plain answers are equal by what they look like: `undefined` where
 * only mathematics can tell.
 */
export function lookEqual(a: string, b: string): boolean | undefined {
  if (a === "" || b === "") return false;
  const [x, y] = [a, b].map((text) => text.replaceAll(" ", "").toLowerCase());
  if (a.replaceAll(" ", "") === b.replaceAll(" ", "")) return true;
  const isWord = /^[a-z]{3,}$/;
  // Letters beside each other would be a product: Ian were Ina.
  if (isWord.test(x!) || isWord.test(y!)) return x === y;
  // As many digits as a double has.
  const isNumber = /^[-+]?(?=\.?\d)\d{0,15}(?:\.\d*)?$/;
  if (!isNumber.test(x!) || !isNumber.test(y!)) return undefined;
  return x!.length + y!.length <= 30 ? Number(x) === Number(y) : undefined;
}
