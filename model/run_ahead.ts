import { REVOCABLE } from "../cache/rollback.ts";
import type { Backend, Tensor } from "../kernels/ops.ts";
import type { GenerateOptions } from "./generation.ts";
import type { Sampler } from "./sampling/sampler.ts";
import type { Sequence } from "./sequence.ts";

/** Most tokens of a batch: all but the first may have to be taken back. */
const MOST = REVOCABLE + 1;

/** The options that {@linkcode RunAhead} takes. */
export type RunAheadOptions = Pick<GenerateOptions, "runAhead" | "fallback">;

/**
 * Generates tokens in batches: each is fed back on the device, and only when
 * all of a batch are enqueued are their ids read. An eviction cannot be taken
 * back, so only the first token of a batch may cause one.
 */
export class RunAhead {
  readonly #sequence: Sequence;
  readonly #sampler: Sampler;
  readonly #options: RunAheadOptions;
  /** Ids of a batch, `[1, MOST]`. */
  #ids: Tensor;

  /** @throws {RangeError} for a `runAhead` that is not from 1 to 8. */
  constructor(sequence: Sequence, sampler: Sampler, options: RunAheadOptions) {
    checkDepth(options.runAhead);
    this.#sequence = sequence;
    this.#sampler = sampler;
    this.#options = options;
    this.#ids = sequence.backend.tensor([1, MOST], "i32");
  }

  /**
   * Computes the last pending chunk and gives the ids of the next tokens. The
   * device may be lost and another one go on.
   *
   * @param done Tokens generated so far.
   * @param most How many may follow.
   */
  async next(done: number, most: number): Promise<ArrayLike<number>> {
    try {
      return await this.#batch(done, most);
    } catch (error) {
      // Only reading waits for the device, so what failed before shows here.
      const { fallback = true } = this.#options;
      if (!fallback || !this.#sequence.canMove(error)) throw error;
      this.#sequence.backend.free(this.#ids);
      await this.#sequence.recover(error);
      this.#ids = this.#sequence.backend.tensor([1, MOST], "i32");
      return await this.#batch(done, most);
    }
  }

  /** Takes an id of the last batch into the text. */
  accept(id: number): void {
    this.#sequence.accept(id);
    this.#sampler.see(id);
  }

  /** Takes back what was not accepted and gives the memory back. */
  dispose(): void {
    this.#sequence.settle();
    this.#sequence.backend.free(this.#ids);
  }

  async #batch(done: number, most: number): Promise<ArrayLike<number>> {
    const { backend } = this.#sequence;
    this.#sequence.advance(done === 0);
    const logits = this.#sequence.logits();
    if (this.#sampler.penalises) await this.#sampler.penalise(backend, logits);
    const count = Math.min(most, this.#depth(done));
    let id = this.#choose(logits, 0, done);
    for (let i = 1; i < count; i++) {
      this.#sequence.follow(id);
      id = this.#choose(this.#sequence.logits(), i, done + i);
    }
    return await backend.read(backend.slice(this.#ids, 0, count));
  }

  /** Enqueues the choice of the `n`-th token, at place `at` of the batch. */
  #choose(logits: Tensor, at: number, n: number): Tensor {
    const { backend } = this.#sequence;
    const id = backend.slice(this.#ids, at, at + 1);
    this.#sampler.choose(backend, logits, id, n);
    return id;
  }

  /** The first token is on its own: somebody waits for it. */
  #depth(done: number): number {
    if (done === 0 || this.#sampler.penalises) return 1;
    const { backend, cache } = this.#sequence;
    const wanted = this.#options.runAhead ?? defaultDepth(backend);
    return Math.min(wanted, 1 + cache.stepsToEviction());
  }
}

/** As many as it takes to wait no more than a millisecond for each token. */
function defaultDepth({ roundTrip }: Backend): number {
  return Math.min(Math.max(1, Math.ceil(roundTrip)), MOST);
}

function checkDepth(runAhead = 1): void {
  if (Number.isInteger(runAhead) && runAhead >= 1 && runAhead <= MOST) return;
  throw new RangeError(
    `Cannot generate with runAhead ${runAhead}: a whole number from 1 to ` +
      `${MOST} is needed`,
  );
}
