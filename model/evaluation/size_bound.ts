/** An expression as MathJSON has it. */
export type MathJson = number | string | { num: string } | Call;

/** An operator and its operands. */
type Call = readonly [operator: string, ...operands: MathJson[]];

/** What an unknown counts for: a power of a sum has that many terms and more. */
const UNKNOWN = 1;

/** Operators of which the greatest operand bounds the value. */
const bounded = new Set([
  ...["Negate", "Abs", "Sqrt", "Root", "Log", "Ln", "Lb", "Floor", "Ceil"],
  ...["Sin", "Cos", "Tan", "Cot", "Sec", "Csc", "Arcsin", "Arccos", "Arctan"],
]);

/** Operators that have operands and no value of their own, or one of a sum's. */
const sums = new Set([
  ...["Add", "Subtract", "Delimiter", "Sequence", "Tuple", "List", "Matrix"],
  ...["PlusMinus", "MinusPlus", "Complex"],
]);

const products = new Set([
  ...["Multiply", "InvisibleOperator", "Divide", "Rational"],
]);

/**
 * Bound of the decimal digits that an expression's value may have, and any
 * part's: what has too many must not be computed. Infinite for operators that
 * are not known to be harmless, sums over a range among them.
 */
export function digitsBound(expression: MathJson): number {
  if (typeof expression === "number") return digitsOf(expression);
  if (typeof expression === "string") return UNKNOWN;
  if ("num" in expression) return expression.num.length;
  const [operator, ...operands] = expression;
  const digits = operands.map(digitsBound);
  const greatest = Math.max(0, ...digits);
  if (bounded.has(operator)) return greatest;
  if (sums.has(operator)) return greatest + Math.log10(1 + digits.length);
  if (products.has(operator)) return digits.reduce((sum, n) => sum + n, 0);
  return digitsOfGrowth(operator, greatest, digits);
}

/** Of what grows faster than a product. */
function digitsOfGrowth(
  operator: string,
  greatest: number,
  [first = 0, second = 0]: readonly number[],
): number {
  if (operator === "Power") return Math.max(1, first) * 10 ** second;
  if (operator === "Exp") return 10 ** first;
  const grows = ["Factorial", "Factorial2", "Binomial"].includes(operator);
  return grows ? Math.max(1, greatest) * 10 ** greatest : Infinity;
}

function digitsOf(value: number): number {
  return Math.max(0, Math.log10(Math.abs(value)));
}
