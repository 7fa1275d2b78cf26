import type { AttentionCase, AttentionPeer } from "../attention_case.ts";

/** What a TypeScript programmer writes: loops over typed arrays. */
export class LoopAttention implements AttentionPeer {
  readonly name = "TypeScript loop";
  readonly #given: AttentionCase;
  readonly #layers: { keys: Float32Array; values: Float32Array }[];
  readonly #scores: Float32Array;
  readonly #out: Float32Array;

  constructor(given: AttentionCase, layers: number) {
    const { keys, values } = given;
    this.#given = given;
    this.#layers = Array.from({ length: layers }, () => ({
      keys: keys.slice(),
      values: values.slice(),
    }));
    this.#scores = new Float32Array(given.tokens);
    this.#out = new Float32Array(given.q.length);
  }

  attend(layer: number): void {
    const { queryHeads, kvHeads, headDim, tokens, q } = this.#given;
    const { keys, values } = this.#layers[layer];
    const group = queryHeads / kvHeads;
    for (let head = 0; head < queryHeads; head++) {
      const first = Math.floor(head / group) * tokens * headDim;
      const at = head * headDim;
      score(q, at, keys, first, headDim, this.#scores);
      softmax(this.#scores);
      weigh(this.#scores, values, first, headDim, this.#out, at);
    }
  }

  output(): Promise<Float32Array> {
    return Promise.resolve(this.#out.slice());
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}

function score(
  q: Float32Array,
  at: number,
  keys: Float32Array,
  first: number,
  headDim: number,
  scores: Float32Array,
): void {
  const scale = 1 / Math.sqrt(headDim);
  for (let token = 0; token < scores.length; token++) {
    const from = first + token * headDim;
    let sum = 0;
    for (let d = 0; d < headDim; d++) sum += q[at + d] * keys[from + d];
    scores[token] = sum * scale;
  }
}

function softmax(scores: Float32Array): void {
  let [most, sum] = [-Infinity, 0];
  for (let i = 0; i < scores.length; i++) most = Math.max(most, scores[i]);
  for (let i = 0; i < scores.length; i++) {
    scores[i] = Math.exp(scores[i] - most);
    sum += scores[i];
  }
  for (let i = 0; i < scores.length; i++) scores[i] /= sum;
}

function weigh(
  weights: Float32Array,
  values: Float32Array,
  first: number,
  headDim: number,
  out: Float32Array,
  at: number,
): void {
  out.fill(0, at, at + headDim);
  for (let token = 0; token < weights.length; token++) {
    const from = first + token * headDim;
    const weight = weights[token];
    for (let d = 0; d < headDim; d++) out[at + d] += weight * values[from + d];
  }
}
