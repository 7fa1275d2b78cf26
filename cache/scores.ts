import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import { hash } from "../kernels/reference/random.ts";
import { type HeadGroup, headsOf, type Layer } from "./layer.ts";
import type { KVCacheOptions } from "./options.ts";
import type { Policy } from "./policy.ts";
import { ScoreContext, type Scorer } from "./scorer.ts";

/** Intermediate results that scores are computed with, `[heads, slots]`. */
interface ScoreTensors {
  readonly order: Tensor;
  readonly scores: Tensor;
  readonly similarities: Tensor;
}

/**
 * Distance of the scores of neighbouring positions that are no separators: a
 * whole separator more than two million tokens, and exact in float32.
 */
const RECENCY = 2 ** -22;

/** The first stage of an eviction: a score for each token before the window. */
export class LocalScores {
  readonly #backend: Backend;
  readonly #policy: Policy;
  readonly #tensors: ScoreTensors;
  readonly #boundaryAt: KVCacheOptions["boundaryAt"];

  constructor(
    backend: Backend,
    policy: Policy,
    tensors: ScoreTensors,
    boundaryAt: KVCacheOptions["boundaryAt"],
  ) {
    this.#backend = backend;
    this.#policy = policy;
    this.#tensors = tensors;
    this.#boundaryAt = boundaryAt;
  }

  /** Scores a group of heads, of which `order` is known. */
  compute(index: number, layer: Layer, group: HeadGroup): void {
    const { score, window } = this.#policy;
    const { order, scores } = this.#tensors;
    const backend = this.#backend;
    const older = layer.cached - window;
    if (typeof score === "function") {
      return this.#ask(score, index, layer, group);
    }
    if (score === "recency") return backend.recency(scores, older);
    if (score === "random") {
      return backend.random(scores, older, this.#seed(index, layer, group));
    }
    if (score === "keydiff") {
      return backend.keydiff(group, order, scores, layer.cached, -1);
    }
    if (score === "attention") return this.#attention(layer, group);
    if (score === "separators") this.#mark(layer, group);
    backend.tallyScores(group.sums!, undefined, order, scores, older, 1, 0);
  }

  /** From what decoding added up, or by a second pass over the keys. */
  #attention(layer: Layer, group: HeadGroup): void {
    const { window, shift = 0 } = this.#policy;
    const { order, scores } = this.#tensors;
    const older = layer.cached - window;
    if (layer.tallied !== window) return this.#secondPass(layer, group, scores);
    const { sums, squares } = group.tally!;
    const backend = this.#backend;
    backend.tallyScores(sums, squares, order, scores, older, window, shift);
  }

  #secondPass(layer: Layer, group: HeadGroup, out: Tensor): void {
    const { window, shift = 0, heads = "max" } = this.#policy;
    const { next, cached } = layer;
    const { order } = this.#tensors;
    const backend = this.#backend;
    const queries = headsOf(backend, layer, group, layer.queries!);
    // The window's are the last ones written.
    const ring = queries.shape[0];
    const oldest = (next + ring - window) % ring;
    backend.windowScores(
      queries,
      oldest,
      window,
      group,
      order,
      out,
      cached,
      shift,
      heads,
    );
  }

  /** The same numbers for the same text, others for every layer and eviction. */
  #seed(index: number, { seen }: Layer, { first }: HeadGroup): number {
    const { seed = 0 } = this.#policy;
    return (hash(hash(seed + index) + seen) + first) >>> 0;
  }

  /** Writes the marks of the tokens that came since the last eviction. */
  #mark(layer: Layer, group: HeadGroup): void {
    const { marked, cached, seen } = layer;
    const { scores } = this.#tensors;
    const [heads, slots] = scores.shape;
    const marks = new Float32Array(heads * slots);
    for (let slot = marked; slot < cached; slot++) {
      const position = seen - cached + slot;
      const mark = this.#boundaryAt!(position) ? 1 : 0;
      for (let h = 0; h < heads; h++) {
        marks[h * slots + slot] = mark + position * RECENCY;
      }
    }
    const backend = this.#backend;
    backend.write(scores, marks);
    const [from, to] = [scores, group.sums!].map((tensor) =>
      backend.slice(tensor, marked, cached)
    );
    backend.copy(from, 0, to, 0, heads);
  }

  /** Asks a scorer of the user's. */
  #ask(scorer: Scorer, index: number, layer: Layer, group: HeadGroup): void {
    const { heads } = group;
    const tokens = layer.cached - this.#policy.window;
    const { seen } = layer;
    const scored = {
      layer: index,
      firstHead: group.first,
      heads,
      tokens,
      seen,
    };
    const given = scorer(new ScoreContext(scored, this.#source(layer, group)));
    checkScores(given, scored, this.#policy.name);
    const { scores } = this.#tensors;
    const spread = new Float32Array(heads * scores.shape[1]);
    for (let h = 0; h < heads; h++) {
      const own = given.subarray(h * tokens, (h + 1) * tokens);
      spread.set(own, h * scores.shape[1]);
    }
    this.#backend.write(scores, spread);
  }

  #source(layer: Layer, group: HeadGroup) {
    const { order, scores, similarities } = this.#tensors;
    const backend = this.#backend;
    return {
      backend,
      cache: group,
      order,
      attention: () => {
        this.#secondPass(layer, group, scores);
        return scores;
      },
      similarity: () => {
        backend.keydiff(group, order, similarities, layer.cached, 1);
        return similarities;
      },
    };
  }
}

/** Refuses what is no score for every token. */
function checkScores(
  scores: Float32Array,
  { heads, tokens }: { heads: number; tokens: number },
  name: string,
): void {
  if (!(scores instanceof Float32Array) || scores.length !== heads * tokens) {
    throw new TypeError(
      `Cannot evict by policy ${name}: its scorer gave ` +
        `${scores?.length ?? typeof scores}, a Float32Array of ${heads} x ` +
        `${tokens} scores is needed`,
    );
  }
  if (scores.every(Number.isFinite)) return;
  throw new RangeError(
    `Cannot evict by policy ${name}: its scorer gave NaN or infinity, ` +
      `finite scores are needed`,
  );
}
