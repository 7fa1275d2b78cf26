import { REVOCABLE } from "../cache/rollback.ts";
import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import type { Run } from "./run.ts";
import { Sequence } from "./sequence.ts";

/** Most tokens at a time: all but the first may have to be taken back. */
const MOST = REVOCABLE + 1;

/**
 * Generates the next tokens of several runs together, some ahead: each is fed
 * back on the device, and only when all are enqueued are their ids read. An
 * eviction cannot be taken back, so only the first token may cause one.
 */
export class RunAhead {
  /** Ids by step, then by run; by backend. */
  readonly #ids = new Map<Backend, Tensor>();

  /**
   * The next tokens of runs on one engine, as many of each. The device may be
   * lost and another one go on.
   *
   * @param runs All of which have a token, or one that computes the last chunk
   * of its prompt.
   * @returns Ids of each run.
   */
  async next(runs: readonly Run[]): Promise<ArrayLike<number>[]> {
    try {
      return await this.#tokens(runs);
    } catch (error) {
      // Only reading waits for the device, so what failed before shows here.
      if (!runs.every((run) => run.canMove(error))) throw error;
      this.#free(runs[0].sequence.backend);
      for (const { sequence } of runs) await sequence.recover(error);
      return await this.#tokens(runs);
    }
  }

  /** Gives its memory back. */
  dispose(): void {
    for (const backend of this.#ids.keys()) this.#free(backend);
  }

  async #tokens(runs: readonly Run[]): Promise<ArrayLike<number>[]> {
    const sequences = runs.map(({ sequence }) => sequence);
    const { backend } = sequences[0];
    const ids = this.#room(backend, MOST * runs.length);
    const rowOf = (step: number) =>
      backend.rows(ids, step * runs.length, (step + 1) * runs.length);
    const logits = firstLogits(runs);
    const pending = choose(backend, runs, logits, rowOf(0), 0);
    // Awaiting nothing would let others overwrite the logits.
    if (pending.length > 0) await Promise.all(pending);
    const steps = depthOf(backend, runs);
    for (let step = 1; step < steps; step++) {
      const next = Sequence.decode(sequences, rowOf(step - 1));
      choose(backend, runs, next, rowOf(step), step);
    }
    const all = await backend.read(ids, steps * runs.length);
    return runs.map((_, i) => all.filter((_, at) => at % runs.length === i));
  }

  #room(backend: Backend, size: number): Tensor {
    const have = this.#ids.get(backend);
    if (have && have.shape[0] >= size) return have;
    this.#free(backend);
    const ids = backend.tensor([size], "i32");
    this.#ids.set(backend, ids);
    return ids;
  }

  #free(backend: Backend): void {
    const ids = this.#ids.get(backend);
    if (ids) backend.free(ids);
    this.#ids.delete(backend);
  }
}

/** Refuses a `runAhead` that is not from 1 to 8. */
export function checkDepth(runAhead = 1): void {
  if (Number.isInteger(runAhead) && runAhead >= 1 && runAhead <= MOST) return;
  throw new RangeError(
    `Cannot generate with runAhead ${runAhead}: a whole number from 1 to ` +
      `${MOST} is needed`,
  );
}

function firstLogits(runs: readonly Run[]): Tensor {
  const [{ hasStarted, sequence }] = runs;
  if (hasStarted) return Sequence.decode(runs.map(({ sequence }) => sequence));
  sequence.advance(true);
  return sequence.logits();
}

/**
 * Enqueues the choice of every run's token.
 *
 * @returns What must be waited for: choices that need the logits here.
 */
function choose(
  backend: Backend,
  runs: readonly Run[],
  logits: Tensor,
  ids: Tensor,
  ahead: number,
): Promise<void>[] {
  return runs.flatMap((run, i) => {
    const row = (tensor: Tensor) => backend.rows(tensor, i, i + 1);
    return run.choose(row(logits), row(ids), ahead) ?? [];
  });
}

/** Tokens that all runs can take before any is read. */
function depthOf({ roundTrip }: Backend, runs: readonly Run[]): number {
  // As many as it takes to wait no more than a millisecond for each token.
  const byDefault = Math.min(Math.max(1, Math.ceil(roundTrip)), MOST);
  return Math.min(...runs.map((run) => run.depth(byDefault)));
}
