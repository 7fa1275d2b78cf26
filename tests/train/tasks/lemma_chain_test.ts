import { assert, assertEquals, assertThrows } from "@std/assert";
import { lemmaChain } from "../../../train/tasks/lemma_chain.ts";
import { decodeTokens, encodeText } from "../../../train/tasks/task.ts";

const letters = "abcdefghijkl";

Deno.test("lemmaChain gives the same problem again, and another for each number and seed", () => {
  const texts = [[1, 0], [1, 1], [2, 0]].map(([seed, index]) =>
    lemmaChain.problem(seed!, index!).text
  );
  assertEquals(new Set(texts).size, 3);
  assertEquals(lemmaChain.problem(1, 0).text, texts[0]);
});

Deno.test("lemmaChain's solutions are right by an evaluation of their own", () => {
  for (let index = 0; index < 100; index++) {
    const { prompt, solution, answer, text, kinds } = lemmaChain.problem(
      3,
      index,
    );
    assertEquals(text.length, 497);
    assertEquals(kinds.length, 497);
    const f = new Map<string, string>();
    for (const [, key, image] of prompt.matchAll(/([a-l])([a-l])/g)) {
      f.set(key!, image!);
    }
    const h = (key: string) => f.get(f.get(key)!)!;
    for (const [, key, x, y] of solution.matchAll(/([a-l])([a-l])([a-l]):/g)) {
      assertEquals([x, y], [f.get(key!), h(key!)]);
    }
    for (const [, key, y] of solution.matchAll(/([a-l])00([a-l])[a-l;]/g)) {
      assertEquals(y, h(key!));
    }
    let state = "a";
    const seen = new Set<string>();
    for (let t = 0; t < 100; t++) {
      assert(!seen.has(state + t % 10), "a (state, units) comes twice");
      seen.add(state + t % 10);
      state = letters[(letters.indexOf(h(state)) + t % 10) % 12]!;
      assertEquals(solution.slice(157 + 3 * t, 160 + 3 * t).slice(2), state);
    }
    assertEquals(answer, state);
    assertEquals(solution.slice(-3), `=${state}.`);
  }
});

Deno.test("lemmaChain.check() takes the right solution, and no other one", () => {
  const { prompt, solution } = lemmaChain.problem(1, 7);
  const { written, ...whole } = lemmaChain.check(prompt, solution);
  assertEquals(whole, { correct: true, rightSteps: 112, steps: 112 });
  assertEquals(written.length, 113);
  assert(written.every(({ isRight }) => isRight));
  for (let at = 0; at < solution.length; at++) {
    const other = solution[at] === "b" ? "c" : "b";
    const wrong = solution.slice(0, at) + other + solution.slice(at + 1);
    const { correct, rightSteps } = lemmaChain.check(prompt, wrong);
    const isAnswer = at >= solution.length - 3;
    assertEquals(correct, !isAnswer, `changed at ${at}`);
    // A state is the end of one step and what the next one starts from.
    if (!isAnswer) assert(rightSteps === 111 || rightSteps === 110);
  }
});

Deno.test("lemmaChain.check() judges what is cut off, empty, or goes on", () => {
  const { prompt, solution } = lemmaChain.problem(1, 8);
  const judge = (text: string) => lemmaChain.check(prompt, text);
  const { written, ...nothing } = judge("");
  assertEquals(nothing, { correct: false, rightSteps: 0, steps: 112 });
  assert(written.every(({ isRight }) => !isRight));
  assertEquals(judge(solution.slice(0, 13 * 4 + 5)).rightSteps, 4);
  assertEquals(judge(solution.slice(0, 157 + 30)).rightSteps, 12 + 10);
  assertEquals(judge(solution.slice(0, -1)).correct, false);
  assertEquals(judge(solution + "a").correct, false);
  assertThrows(
    () => lemmaChain.check("^ab#", solution),
    RangeError,
    "12 pairs",
  );
});

Deno.test("lemmaChain.check() tells which written step is wrong", () => {
  const { prompt, solution } = lemmaChain.problem(1, 9);
  const changed = (at: number) => {
    const other = solution[at] === "b" ? "c" : "b";
    return solution.slice(0, at) + other + solution.slice(at + 1);
  };
  const wrongIn = (text: string) =>
    lemmaChain.check(prompt, text).written
      .filter(({ start, end, isRight }) => end > start && !isRight)
      .map(({ start }) => start);
  const lemma = 13 * 5;
  assertEquals(wrongIn(changed(lemma + 2)), [lemma]);
  // The first state belongs to the first step; the answer is a step.
  assertEquals(wrongIn(changed(159)), [156, 160]);
  assertEquals(wrongIn(changed(458)), [457]);
  // A wrong last state, repeated, is wrong once.
  const last = changed(456);
  const repeated = last.slice(0, 458) + last[456] + last.slice(459);
  assertEquals(wrongIn(repeated), [454]);
  assertEquals(lemmaChain.check(prompt, repeated).correct, false);
  assertEquals(wrongIn(solution.slice(0, 159)), [156]);
});

Deno.test("lemmaChain.check() tells steps apart up to one without its form", () => {
  const { prompt, solution } = lemmaChain.problem(1, 9);
  const last = (text: string) => {
    const { written } = lemmaChain.check(prompt, text);
    assertEquals(written.length, 113);
    return written.findLast(({ start, end }) => end > start);
  };
  const lemma = 13 * 5;
  // A lemma line twice, then all the others: only the copy is wrong.
  const line = solution.slice(lemma - 13, lemma);
  const twice = solution.slice(0, lemma) + line + solution.slice(lemma);
  assertEquals(last(twice), { start: lemma, end: lemma + 13, isRight: false });
  const skipped = solution.slice(0, 160) + solution.slice(163);
  assertEquals(last(skipped), { start: 160, end: 163, isRight: false });
  assertEquals(last(`${solution}a`), { start: 457, end: 460, isRight: true });
});

/** Units that count on each level of lessons are those below. */
const added = [1, 1, 1, 2, 4, 7, 10];

Deno.test("lemmaChain.lesson() has its level's length and only right states", () => {
  assertEquals(lemmaChain.levels, added.length + 1);
  for (const [level, counting] of added.entries()) {
    for (let index = 0; index < 20; index++) {
      const { text, kinds } = lemmaChain.lesson(level, 5, index);
      assertEquals(text.length, lemmaChain.lessonLength(level));
      assertEquals(kinds.length, text.length);
      const f = new Map<string, string>();
      const prompt = text.slice(0, text.indexOf("#"));
      for (const [, key, image] of prompt.matchAll(/([a-l])([a-l])/g)) {
        f.set(key!, image!);
      }
      for (let at = 3; at < text.length; at++) {
        if (kinds[at] !== "c") continue;
        const before = letters.indexOf(f.get(f.get(text[at - 3]!)!)!);
        const units = Number(text[at - 1]);
        const sum = before + (units < counting ? units : 0);
        assertEquals(text[at], letters[sum % 12]);
      }
    }
  }
});

Deno.test("encodeText() and decodeTokens() are each other's inverse", () => {
  const { text } = lemmaChain.problem(1, 0);
  const ids = encodeText(lemmaChain, text);
  assertEquals(decodeTokens(lemmaChain, ids), text);
  assertEquals(decodeTokens(lemmaChain, [0, 63]), "a~");
  assertThrows(() => encodeText(lemmaChain, "A"), RangeError, '"A"');
});
