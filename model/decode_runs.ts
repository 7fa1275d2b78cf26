import type { Engine } from "./engine.ts";
import { Breather } from "./breather.ts";
import type { Run } from "./run.ts";
import { RunAhead } from "./run_ahead.ts";

/** A token of a run, or its end. */
export interface Step {
  readonly run: Run;
  /** Absent when the run has ended and its session is idle again. */
  readonly id?: number;
}

/** Where runs come from. */
export interface RunSource {
  /**
   * A run that begins now, beside `count` others, if there is one. With no
   * others it is waited for: there are no more if none comes then.
   */
  next(count: number): Run | undefined | Promise<Run | undefined>;
}

/**
 * Decodes runs together until all have ended: each round, those with a token
 * get the next one in one pass over the weights, and the others compute a chunk
 * of their prompt.
 */
export async function* decodeRuns(
  source: RunSource,
): AsyncGenerator<Step, void, undefined> {
  const active = new Set<Run>();
  const breather = new Breather();
  const ahead = new RunAhead();
  try {
    while (true) {
      await join(active, source);
      if (active.size === 0) return;
      const start = performance.now();
      await breather.breathe();
      for (const run of [...active].filter((run) => run.isOver())) {
        active.delete(run);
        run.release();
        yield { run };
      }
      const going = groupsOf(active);
      for (const run of active) {
        run.warn();
        if (run.hasStarted || run.prefill()) continue;
        yield* decodeOnce(ahead, [run], start);
      }
      for (const runs of going) yield* decodeOnce(ahead, runs, start);
    }
  } finally {
    for (const run of active) run.release();
    ahead.dispose();
  }
}

/** Runs that have a token already, by where they are. */
function groupsOf(active: ReadonlySet<Run>): Run[][] {
  // After the loss of a device some may be where others are not yet.
  const groups = new Map<Engine, Run[]>();
  for (const run of active) {
    if (!run.hasStarted) continue;
    const { engine } = run.sequence;
    const group = groups.get(engine);
    if (group) group.push(run);
    else groups.set(engine, [run]);
  }
  return [...groups.values()];
}

/** Gives every run the next token, or several. */
async function* decodeOnce(
  ahead: RunAhead,
  runs: readonly Run[],
  start: number,
): AsyncGenerator<Step, void, undefined> {
  const ids = await ahead.next(runs);
  const steps = ids[0].length;
  const seconds = (performance.now() - start) / 1000 / steps;
  for (let step = 0; step < steps; step++) {
    const taken: Step[] = [];
    for (const [i, run] of runs.entries()) {
      if (run.hasEnded || (step > 0 && !run.takesMore())) continue;
      const id = ids[i][step];
      run.accept(id, seconds);
      taken.push({ run, id });
    }
    // When all have theirs: whoever leaves leaves no text without its next token.
    yield* taken;
  }
}

async function join(active: Set<Run>, source: RunSource): Promise<void> {
  while (true) {
    const run = await source.next(active.size);
    if (!run) return;
    active.add(run);
  }
}

/** The source of a run that is decoded alone. */
export function only(run: Run): RunSource {
  const runs = [run];
  return { next: () => runs.pop() };
}
