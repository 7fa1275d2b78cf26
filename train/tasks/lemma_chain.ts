import { Random } from "../random.ts";
import type { Check, Lesson, Problem, Task, WrittenStep } from "./task.ts";

const LETTERS = "abcdefghijklmnopqrstuvwxyz";

/** Symbols: the first so many letters. */
const SYMBOLS = 12;

/** Steps of the chain. */
const STEPS = 100;

/** What there is to learn of a lemma line. */
const LEMMA_KINDS = "xfhxqxxeqxxex";

/** Characters of a lemma line. */
const LEMMA = LEMMA_KINDS.length;

/** Where the chain begins: after `^`, pairs with commas between them, `#`. */
const PROMPT = 3 * SYMBOLS + 1;

/** A level of the curriculum. */
interface Level {
  /** Symbols in use. */
  keys: number;
  /** Units below it are added; greater ones are there to be read over. */
  added: number;
  /** Tokens that are predicted; a text has one character more. */
  length: number;
}

/**
 * A sum is of no use before the fact is looked up, nor the look-up before the
 * sum is known: together they are not learnt for millions of tokens. So facts
 * are first looked up whatever the units are, then more and more units count;
 * with all of them at once the look-up would be unlearnt.
 * Lengths are multiples of 16, which a tiled matrix product likes.
 */
const LEVELS: readonly Level[] = [
  { keys: 3, added: 1, length: 96 },
  { keys: 6, added: 1, length: 192 },
  { keys: SYMBOLS, added: 1, length: 480 },
  { keys: SYMBOLS, added: 2, length: 480 },
  { keys: SYMBOLS, added: 4, length: 480 },
  { keys: SYMBOLS, added: 7, length: 480 },
  { keys: SYMBOLS, added: 10, length: 480 },
];

/**
 * "Lemma chain with checks": a long derivation from few facts, each of which
 * is needed again and again at offsets that vary, so that it is a fact's use
 * and not its place that tells whether it must stay in the cache.
 *
 * `f` is a random permutation of 12 symbols, `h(k) = f(f(k))`. All text is in
 * letters `a` to `l`, digits and signs, one token each:
 *
 * ```text
 * prompt = "^" pair { "," pair } "#"             37 tokens, pairs shuffled
 * pair   = k f(k)
 * chain  = 12 lemma "a" 100 step "=" state "."   460 tokens
 * lemma  = k f(k) h(k) ":" check check ";"       keys in the alphabet's order
 * check  = z "00" h(z)                           of k, and of an older key
 * step   = tens units state                      of the step's number, 0 to 99
 * state  = h(state before) + units, modulo 12    the first state is "a"
 * ```
 *
 * The older key is `h(k)` if that comes before `k`, else `f(k)` if that does,
 * else the key before (the first line checks its own twice); it is checked
 * first in the first of these cases. No (state, units) comes twice in a
 * problem: there is no cycle to copy. The answer is the last state; chance is
 * 1 in 12.
 *
 * Kinds: `f` and `h` (lemma), `e` (check) and `c` (state) are skills, `q` is
 * the key to check, `a` the answer.
 */
export const lemmaChain: Task = {
  name: "lemma-chain",
  vocabulary: `${LETTERS}0123456789^,#:;=.`,
  length: PROMPT + SYMBOLS * LEMMA + 1 + STEPS * 3 + 3,
  levels: LEVELS.length + 1,
  skills: "fhec",
  problem,
  lesson,
  lessonLength: (level) =>
    LEVELS[level] ? LEVELS[level].length + 1 : lemmaChain.length,
  check,
};

/** `f` and `h`, by symbol; undefined for one that is not in use. */
interface Facts {
  f: (number | undefined)[];
  h: (number | undefined)[];
}

function problem(seed: number, index: number): Problem {
  const random = new Random(seed, index);
  const keys = Array.from({ length: SYMBOLS }, (_, k) => k);
  let facts: Facts, states: number[] | undefined;
  do {
    facts = factsOf(keys, random.shuffled(keys));
    states = chainWithoutCycle(facts);
  } while (!states);
  const prompt = promptOf(random.shuffled(keys), facts);
  const steps = states.map((state, t) =>
    `${t}`.padStart(2, "0") + LETTERS[state]
  );
  const answer = LETTERS[states.at(-1)!]!;
  const lemmas = lemmaLines(keys, facts);
  const solution = `${lemmas.text}a${steps.join("")}=${answer}.`;
  const kinds = "_".repeat(prompt.length) + lemmas.kinds + "x" +
    "xxc".repeat(STEPS) + "xax";
  return { text: prompt + solution, kinds, prompt, solution, answer };
}

function lesson(level: number, seed: number, index: number): Lesson {
  const parameters = LEVELS[level];
  if (!parameters) return problem(seed, index);
  const { keys: count, added } = parameters;
  const random = new Random(seed, index);
  const all = Array.from({ length: SYMBOLS }, (_, k) => k);
  const keys = random.shuffled(all).slice(0, count).sort((a, b) => a - b);
  const facts = factsOf(keys, random.shuffled(keys));
  const prompt = promptOf(random.shuffled(keys), facts);
  const lemmas = lemmaLines(keys, facts);
  const start = keys[random.below(count)]!;
  const length = parameters.length + 1;
  const known = prompt.length + lemmas.text.length + 1;
  const steps = randomSteps(facts, start, added, length - known, random);
  const text = prompt + lemmas.text + LETTERS[start] + steps;
  const kinds = "_".repeat(prompt.length) + lemmas.kinds + "_" +
    "__c".repeat(steps.length / 3);
  return { text: text.slice(0, length), kinds: kinds.slice(0, length) };
}

/**
 * At least `length` characters of steps with digits at random; half of the
 * units are of those that count.
 */
function randomSteps(
  { h }: Facts,
  start: number,
  added: number,
  length: number,
  random: Random,
): string {
  let [steps, state] = ["", start];
  while (steps.length < length) {
    const units = random.below(random.next() < 0.5 ? added : 10);
    state = (h[state]! + (units < added ? units : 0)) % SYMBOLS;
    steps += `${random.below(10)}${units}${LETTERS[state]}`;
  }
  return steps;
}

function factsOf(keys: number[], images: number[]): Facts {
  const f: (number | undefined)[] = [];
  keys.forEach((key, i) => f[key] = images[i]);
  const h: (number | undefined)[] = [];
  for (const key of keys) h[key] = f[f[key]!];
  return { f, h };
}

function promptOf(keys: number[], { f }: Facts): string {
  const pairs = keys.map((key) => `${LETTERS[key]}${LETTERS[f[key]!]}`);
  return `^${pairs.join(",")}#`;
}

function lemmaLines(keys: number[], facts: Facts): Lesson {
  const lines = keys.map((_, i) => lemmaLine(keys, i, facts));
  return { text: lines.join(""), kinds: LEMMA_KINDS.repeat(keys.length) };
}

function lemmaLine(keys: number[], i: number, { f, h }: Facts): string {
  const key = keys[i]!;
  const [x, y] = [f[key]!, h[key]!];
  const older = y < key ? y : x < key ? x : keys[Math.max(0, i - 1)]!;
  const checked = y < key ? [older, key] : [key, older];
  const checks = checked.map((z) => `${LETTERS[z]}00${LETTERS[h[z]!]}`);
  return `${LETTERS[key]}${LETTERS[x]}${LETTERS[y]}:${checks.join("")};`;
}

/** States after each step; undefined if a (state, units) comes twice. */
function chainWithoutCycle({ h }: Facts): number[] | undefined {
  const seen = new Set<number>();
  const states: number[] = [];
  let state = 0;
  for (let t = 0; t < STEPS; t++) {
    const units = t % 10;
    if (seen.has(state * 10 + units)) return undefined;
    seen.add(state * 10 + units);
    state = (h[state]! + units) % SYMBOLS;
    states.push(state);
  }
  return states;
}

/**
 * A lemma line is one step, right if it is what the facts say; a step of the
 * chain is right if it has its number and follows from the state that was
 * really written before it. The answer must be that of the problem.
 */
function check(prompt: string, solution: string): Check {
  const facts = readPrompt(prompt);
  const all = judged(solution, expectedSteps(solution, facts));
  const end = `=${LETTERS[lastState(facts)]}.`;
  return {
    correct: solution.slice(all.at(-1)!.start) === end,
    rightSteps: all.slice(0, -1).filter(({ isRight }) => isRight).length,
    steps: SYMBOLS + STEPS,
    written: withinForm(all),
  };
}

/** Every step as it should be after what was written before it. */
function expectedSteps(solution: string, facts: Facts): Lesson[] {
  const keys = [...facts.f.keys()];
  const chain = solution.slice(SYMBOLS * LEMMA);
  return [
    ...keys.map((_, i) => ({
      text: lemmaLine(keys, i, facts),
      kinds: LEMMA_KINDS,
    })),
    { text: `a${stepAfter("a", 0, facts)}`, kinds: "xxxc" },
    ...Array.from({ length: STEPS - 1 }, (_, t) => ({
      text: stepAfter(chain[3 * t + 3], t + 1, facts),
      kinds: "xxc",
    })),
    { text: `=${chain[3 * STEPS] ?? "?"}.`, kinds: "xax" },
  ];
}

type JudgedStep = WrittenStep & { isFormed: boolean };

function judged(solution: string, expected: Lesson[]): JudgedStep[] {
  let end = 0;
  return expected.map(({ text, kinds }) => {
    const start = end;
    end = Math.min(start + text.length, solution.length);
    const written = solution.slice(start, end);
    const isFormed = [...kinds].every((kind, i) =>
      kind !== "x" || written[i] === text[i]
    );
    return { start, end, isRight: written === text, isFormed };
  });
}

/** Steps of which those after the first one without its form are empty. */
function withinForm(all: JudgedStep[]): WrittenStep[] {
  const malformed = all.findIndex(({ isFormed }) => !isFormed);
  return all.map(({ start, end, isRight }, i) =>
    malformed < 0 || i <= malformed
      ? { start, end, isRight }
      : { start: end, end, isRight: false }
  );
}

function stepAfter(
  before: string | undefined,
  t: number,
  { h }: Facts,
): string {
  const image = h[LETTERS.indexOf(before || " ")];
  const state = image === undefined ? "?" : LETTERS[(image + t % 10) % SYMBOLS];
  return `${t}`.padStart(2, "0") + state;
}

function lastState({ h }: Facts): number {
  let state = 0;
  for (let t = 0; t < STEPS; t++) state = (h[state]! + t % 10) % SYMBOLS;
  return state;
}

function readPrompt(prompt: string): Facts {
  const f: number[] = [];
  if (/^\^(?:[a-l]{2},){11}[a-l]{2}#$/.test(prompt)) {
    for (const [key, image] of prompt.slice(1, -1).split(",")) {
      f[LETTERS.indexOf(key!)] = LETTERS.indexOf(image!);
    }
  }
  const keys = Object.keys(f).map(Number);
  if (new Set(f).size === SYMBOLS && keys.length === SYMBOLS) {
    return factsOf(keys, f);
  }
  throw new RangeError(
    `Cannot check a solution of "${prompt}": it is no prompt of lemma-chain, ` +
      `12 pairs of a permutation are needed`,
  );
}
