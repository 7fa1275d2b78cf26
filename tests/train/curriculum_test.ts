import { assertEquals } from "@std/assert";
import { Curriculum, type LessonBatch } from "../../train/curriculum.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";

function begin(): Curriculum {
  const state = { level: 0, batches: 0, accuracy: {}, drawn: 0 };
  return new Curriculum(lemmaChain, 1, state);
}

/** Predictions that are wrong for tokens of one kind. */
function wrongAt({ targets, kinds }: LessonBatch, kind: string): Int32Array {
  return targets.map((id, i) => kinds[i] === kind ? id + 1 : id);
}

Deno.test("Curriculum goes a level on when every skill is mastered, not before", () => {
  for (const skill of ["", ...lemmaChain.skills, "x", "q"]) {
    const curriculum = begin();
    for (let i = 0; i < 11; i++) {
      const batch = curriculum.next(96, 1);
      curriculum.note(batch, wrongAt(batch, skill));
      if (i < 10) assertEquals(curriculum.state.level, 0, `after ${i + 1}`);
    }
    const mastered = skill === "" || !lemmaChain.skills.includes(skill);
    assertEquals(
      curriculum.state.level,
      mastered ? 1 : 0,
      `without "${skill}"`,
    );
  }
});

Deno.test("Curriculum stays at the last level", () => {
  const level = lemmaChain.levels - 1;
  const state = { level, batches: 100, accuracy: {}, drawn: 0 };
  const curriculum = new Curriculum(lemmaChain, 1, state);
  const batch = curriculum.next(1, 1);
  curriculum.note(batch, batch.targets);
  assertEquals(curriculum.state.level, level);
});

Deno.test("Curriculum's batches have whole parts for workers and go on where a state ends", () => {
  const curriculum = begin();
  const { rows, tokens, ids, targets } = curriculum.next(1000, 4);
  assertEquals([rows, tokens, ids.length], [12, 96, 12 * 96]);
  assertEquals([...targets.subarray(0, 95)], [...ids.subarray(1, 96)]);
  const again = new Curriculum(lemmaChain, 1, curriculum.state);
  assertEquals(again.next(96, 1), curriculum.next(96, 1));
});
