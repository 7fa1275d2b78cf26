/**
 * Whether two answers are mathematically equal. It loads a computer algebra
 * system: `MathGrader` does so in a worker, when it has to.
 *
 * @module
 */
import { ComputeEngine, type Expression } from "@cortex-js/compute-engine";
import { uniform } from "../sampling/random.ts";
import { elementsOf, tupleOf, unitedIn } from "./answer_parts.ts";
import { lookEqual, plainAnswer } from "./plain_answer.ts";
import { digitsBound, type MathJson } from "./size_bound.ts";

const engine = new ComputeEngine();

/** Most digits of any number that is computed. */
const MAX_DIGITS = 5000;

/** Points at which expressions with unknowns are compared. */
const POINTS = 3;

/** Relative difference that is rounding. */
const TOLERANCE = 1e-9;

/**
 * Whether two answers in LaTeX are equal: as sets and lists in any order, as
 * unions, tuples and intervals part by part, else as expressions, exactly or to
 * nine digits. Expressions with unknowns are equal if they have the same values
 * at three points. What would be too large to compute is not equal.
 */
export function equalAnswers(answer: string, expected: string): boolean {
  const [a, b] = [plainAnswer(answer), plainAnswer(expected)];
  return lookEqual(a, b) ?? equalSets(a, b);
}

/** What is one thing alone is a set of one. */
function equalSets(a: string, b: string): boolean {
  return areMatched(elementsOf(a), elementsOf(b), equalElements);
}

function equalElements(a: string, b: string): boolean {
  const [sets, others] = [unitedIn(a), unitedIn(b)];
  if (sets.length > 1 || others.length > 1) {
    return areMatched(sets, others, equalSets);
  }
  const [tuple, other] = [tupleOf(a), tupleOf(b)];
  if (!tuple || !other) {
    return !tuple && !other && (lookEqual(a, b) ?? equalExpressions(a, b));
  }
  return tuple.brackets === other.brackets &&
    tuple.parts.length === other.parts.length &&
    tuple.parts.every((part, i) => equalElements(part, other.parts[i]!));
}

/** Whether each text has a partner of its own that is equal. */
function areMatched(
  texts: readonly string[],
  others: readonly string[],
  areEqual: (a: string, b: string) => boolean,
): boolean {
  if (texts.length !== others.length) return false;
  const left = [...others];
  return texts.every((text) => {
    const at = left.findIndex((other) => areEqual(text, other));
    if (at >= 0) left.splice(at, 1);
    return at >= 0;
  });
}

function equalExpressions(a: string, b: string): boolean {
  const [x, y] = [expressionOf(a), expressionOf(b)];
  if (!x || !y) return false;
  return x.isEqual(y) ?? areClose(x, y);
}

/** Undefined if it is no expression, or nothing to be computed. */
function expressionOf(latex: string): Expression | undefined {
  const raw = engine.parse(latex, { form: "raw" });
  if (!raw.isValid) return undefined;
  if (!(digitsBound(raw.json as MathJson) <= MAX_DIGITS)) return undefined;
  const expression = engine.parse(latex);
  return expression.isValid ? expression : undefined;
}

function areClose(x: Expression, y: Expression): boolean {
  for (let point = 0; point < POINTS; point++) {
    const [a, b] = [valueAt(x, point), valueAt(y, point)];
    const distance = Math.hypot(a.re - b.re, a.im - b.im);
    // Not a number is close to nothing.
    const most = TOLERANCE * Math.max(1, Math.hypot(a.re, a.im));
    if (!(distance <= most)) return false;
  }
  return true;
}

function valueAt(
  expression: Expression,
  point: number,
): { re: number; im: number } {
  const values = expression.unknowns.map((name) => {
    const seed = Array.from(name).reduce(
      (hash, character) => Math.imul(hash, 31) + character.codePointAt(0)!,
      0,
    );
    return [name, 0.25 + uniform(seed, point)];
  });
  return expression.subs(Object.fromEntries(values)).N();
}
