import type { CacheStats } from "../../cache/options.ts";
import { full } from "../../cache/policies/full.ts";
import type { Tensor } from "../../kernels/tensors.ts";
import { Breather } from "../breather.ts";
import { CHUNK_TOKENS } from "../decoder.ts";
import type { EngineHost } from "../engine_host.ts";
import { Sequence } from "../sequence.ts";
import { Distribution } from "./distribution.ts";
import type { Variant } from "./fidelity.ts";
import { Tally } from "./tally.ts";

/** One of the caches that go through a text together. */
export interface Lane {
  readonly variant: Variant;
  readonly sequence: Sequence;
  readonly tally: Tally;
}

/** A text, and how it is gone through. */
export interface Course {
  readonly model: EngineHost;
  readonly tokens: readonly number[];
  /** Tokens taken as a prompt. */
  readonly prompt: number;
  /** Bytes of caches after which no other lane is opened. */
  readonly memory: number;
  readonly signal: AbortSignal | undefined;
  /** Called after each position. */
  readonly onPosition: (lanes: number) => void;
}

/**
 * Several caches that go through a text in step. The full cache is a chunk
 * ahead, so that the probabilities to compare with are those of a chunk only.
 */
export class Lockstep implements Disposable {
  /** The full cache, which takes the text in chunks. */
  readonly reference: Lane;
  /** As many of the first variants as memory allows, at least one. */
  readonly lanes: Lane[] = [];
  readonly #course: Course;
  readonly #breather = new Breather();

  /** @throws {RangeError} when a variant is refused or memory runs out. */
  constructor(course: Course, variants: readonly Variant[]) {
    this.#course = course;
    const { model, tokens } = course;
    const budget = { tokens: tokens.length };
    const truth: Variant = { policy: full(), budget, dtype: "f32" };
    this.reference = laneOf(model, truth);
    try {
      this.#open(variants);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Goes through the text, or as far as the signal lets it. */
  async run(): Promise<void> {
    const { tokens, prompt } = this.#course;
    const ids = tokens.slice(0, prompt);
    for (const lane of [this.reference, ...this.lanes]) {
      await this.#prefill(lane.sequence, ids);
    }
    // The last token has no next one to be compared by.
    const end = tokens.length - 1;
    for (let at = prompt; at < end && !this.#ended; at += CHUNK_TOKENS) {
      await this.#compare(at, Math.min(end, at + CHUNK_TOKENS));
    }
  }

  /** Gives the memory of all caches back. */
  [Symbol.dispose](): void {
    this.reference.sequence.dispose();
    for (const { sequence } of this.lanes) sequence.dispose();
  }

  get #ended(): boolean {
    return this.#course.signal?.aborted ?? false;
  }

  #open(variants: readonly Variant[]): void {
    let bytes = 0;
    // As many as the decoder takes at once.
    for (const variant of variants.slice(0, CHUNK_TOKENS)) {
      if (bytes >= this.#course.memory) return;
      const lane = laneOf(this.#course.model, variant);
      this.lanes.push(lane);
      bytes += footprint(lane.sequence.cache.stats());
    }
  }

  async #prefill(sequence: Sequence, ids: readonly number[]): Promise<void> {
    sequence.push(ids);
    while (sequence.pending > 0 && !this.#ended) {
      sequence.advance(true);
      await this.#breather.breathe();
    }
  }

  /** Takes all caches through a chunk of the text. */
  async #compare(start: number, end: number): Promise<void> {
    const { tokens, onPosition } = this.#course;
    const rows = await this.#truth(tokens.slice(start, end));
    for (let at = start; at < end; at++) {
      await this.#breather.breathe();
      if (this.#ended) return;
      const truth = new Distribution(rows[at - start]);
      const others = await this.#follow(tokens[at]);
      const next = tokens[at + 1];
      this.reference.tally.add(truth, truth, next);
      for (const [i, { tally }] of this.lanes.entries()) {
        tally.add(truth, new Distribution(others[i]), next);
      }
      onPosition(this.lanes.length);
    }
  }

  /** Logits of the full cache after each of a chunk's tokens. */
  async #truth(ids: readonly number[]): Promise<Float32Array[]> {
    const { decoder } = this.#course.model.engine;
    const { sequence } = this.reference;
    sequence.push(ids);
    sequence.advance(true);
    const n = ids.length;
    return await this.#rows(decoder.logits(n, n), n);
  }

  /** Logits of every other cache after a token more, which all take together. */
  async #follow(id: number): Promise<Float32Array[]> {
    const sequences = this.lanes.map(({ sequence }) => sequence);
    for (const sequence of sequences) sequence.push([id]);
    const logits = Sequence.decode(sequences);
    return await this.#rows(logits, sequences.length);
  }

  /** The first `n` rows of logits. */
  async #rows(logits: Tensor, n: number): Promise<Float32Array[]> {
    const { backend } = this.reference.sequence;
    const all = await backend.read(logits, n) as Float32Array;
    const width = this.#course.model.config.vocabulary;
    return Array.from(
      { length: n },
      (_, i) => all.subarray(i * width, (i + 1) * width),
    );
  }
}

function laneOf(model: EngineHost, variant: Variant): Lane {
  const sequence = new Sequence(model, variant);
  return { variant, sequence, tally: new Tally() };
}

function footprint({ budgetBytes, scratchBytes }: CacheStats): number {
  return budgetBytes + scratchBytes;
}
