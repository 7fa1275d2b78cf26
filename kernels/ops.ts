import type { HeadRule, LayerCache, Tally } from "./layer_cache.ts";
import type {
  SelectionCounts,
  SelectionRule,
  SelectionTensors,
} from "./selection.ts";
import type { Tensor, Weight } from "./tensors.ts";

/** How {@linkcode Kernels.sample} cuts and bends a distribution. */
export interface Sampling {
  /** Logits are divided by it; more than 0. */
  readonly temperature: number;
  /** Only the `topK` likeliest tokens; 0 for all. */
  readonly topK: number;
  /** Only the likeliest that make up this share; 1 for all. */
  readonly topP: number;
  /** Only tokens this likely, relative to the likeliest; 0 for all. */
  readonly minP: number;
}

/**
 * Everything that is computed: the operations of a decoder and of eviction.
 *
 * Each has one name in all languages and a float64 reference in
 * `kernels/reference`, which is its definition. A call takes tensors of one
 * backend and returns nothing: it is enqueued, calls take effect in their
 * order, and only {@linkcode Backend.read} waits. `n` counts the entries of
 * the first dimension that take part: tensors are allocated once, for the most
 * that is needed. Shapes are the caller's duty; public classes check them.
 *
 * The scores of eviction are `f32 [kvHeads, slots]`, one entry per cached
 * token in order of **rank**: rank `r` of a head is its token with the
 * `r`-lowest position. `order` translates ranks to slots.
 */
export interface Kernels {
  /** `out[i] = table[ids[i]]`, dequantised; ids `i32 [n]`, out `[n, columns]`. */
  embed(table: Weight, ids: Tensor, out: Tensor, n: number): void;

  /** `out = x · weightᵀ`; x `[n, columns]`, out `[n, rows]`. */
  linear(x: Tensor, weight: Weight, out: Tensor, n: number): void;

  /**
   * `out = x / sqrt(mean(x²) + epsilon) · weight` over the last dimension,
   * which is `weight`'s length (arXiv 1910.07467); `out` may be `x`.
   */
  rmsNorm(
    x: Tensor,
    weight: Tensor,
    out: Tensor,
    n: number,
    epsilon: number,
  ): void;

  /** `x += y`, then {@linkcode rmsNorm} of `x` into `out`; x, y `[n, width]`. */
  addNorm(
    x: Tensor,
    y: Tensor,
    weight: Tensor,
    out: Tensor,
    n: number,
    epsilon: number,
  ): void;

  /**
   * Turns the channel pairs of every head in place (arXiv 2104.09864);
   * x `[n, heads, headDim]`, angles `[n, headDim / 2, 2]`: cosine and sine.
   * Pair `i` is channels `2i, 2i + 1` (adjacent) or `i, i + headDim / 2`.
   */
  rope(
    x: Tensor,
    angles: Tensor,
    n: number,
    pairing: "adjacent" | "halves",
  ): void;

  /** `out = gate · sigmoid(gate) · up`; gateUp `[n, 2, width]`, out `[n, width]`. */
  swiglu(gateUp: Tensor, out: Tensor, n: number): void;

  /** `x += y`; x `[n, width]`, y the same, or `[width]`, added to every row. */
  add(x: Tensor, y: Tensor, n: number): void;

  /**
   * Copies rows `from … from + n` of `source` to rows `to …` of `target`, of
   * the same type; slices of types `f16` and `int8` begin at multiples of 4.
   */
  copy(
    source: Tensor,
    from: number,
    target: Tensor,
    to: number,
    n: number,
  ): void;

  /**
   * Writes `n` tokens to the slots from `at` on, with positions counting up
   * from `position`; k and v `[n, kvHeads, headDim]`. NaN and infinity are
   * refused with a `RangeError` that gives the first offender's name: at once,
   * with nothing written, on the CPU, at the next read on a GPU.
   */
  append(
    cache: LayerCache,
    k: Tensor,
    v: Tensor,
    n: number,
    at: number,
    position: number,
    names: readonly [k: string, v: string],
  ): void;

  /**
   * Softmax attention, scale `1 / sqrt(headDim)`, of `n` queries over the
   * first `cached` slots, the last `n` of which are the queries' own tokens:
   * query `i` sees `cached - n + i + 1` slots. Query head `h` belongs to KV
   * head `floor(h / G)`. q and out `[n, queryHeads, headDim]`. NaN and
   * infinity in `q` are refused, under the name given, as by `append`.
   *
   * With a `tally`, what its rule makes of the heads' weights is added to
   * `sums`, query by query, and to `squares` by Welford's method, as if
   * `tallied` queries had been added before. Slots of the queries' own tokens
   * begin at 0, and all do if `tallied` is 0.
   */
  attention(
    q: Tensor,
    cache: LayerCache,
    out: Tensor,
    n: number,
    cached: number,
    name: string,
    tally?: Tally,
    tallied?: number,
  ): void;

  /** Sorts the first `n` slots of each head by position; order `i32 [kvHeads, slots]`. */
  order(cache: LayerCache, order: Tensor, n: number): void;

  /**
   * Local score of all but the `window` newest of `n` tokens:
   * `mean_i max_g A[g, i, r] + shift · std_i(max_g A[g, i, r])`, with `A` the
   * causal attention of the last `window` queries and the sample standard
   * deviation; `heads` may put a mean in the place of the maximum. queries
   * `[window or more, queryHeads, headDim]` is a ring, where the window begins
   * at entry `oldest`; that query stands at rank `n - window`.
   */
  windowScores(
    queries: Tensor,
    oldest: number,
    window: number,
    cache: LayerCache,
    order: Tensor,
    scores: Tensor,
    n: number,
    shift: number,
    heads: HeadRule,
  ): void;

  /**
   * The same from a tally of `count` queries: `sums / count + shift ·
   * sqrt(squares / (count - 1))` of the `n` oldest tokens, by rank.
   */
  tallyScores(
    sums: Tensor,
    squares: Tensor | undefined,
    order: Tensor,
    scores: Tensor,
    n: number,
    count: number,
    shift: number,
  ): void;

  /** Score of a token is its rank: newer tokens are better (arXiv 2309.17453). */
  recency(scores: Tensor, n: number): void;

  /**
   * Scores that are uniform in [0, 1) and depend on nothing but `seed`, head
   * and rank: `x / 2^24`, `x` the upper 24 bits of `hash(hash(seed + head) +
   * rank)`, with the hash of `kernels/reference/random.ts`.
   *
   * @param seed From 0 to 2^32 - 1.
   */
  random(scores: Tensor, n: number, seed: number): void;

  /**
   * `factor` times the cosine of each of `n` keys with the mean of all, `k / (|k|
   * + 1e-6)` (arXiv 2504.15364), by rank; `out [kvHeads, slots]`.
   */
  keydiff(
    cache: LayerCache,
    order: Tensor,
    out: Tensor,
    n: number,
    factor: number,
  ): void;

  /**
   * How much each token's key repeats those of others (arXiv 2505.24133):
   * cosine similarities of all `n` keys (`k / (|k| + 1e-6)`), diagonal zero; in
   * each column the entry of the last row above 0.5 is zeroed; row sum / n.
   */
  redundancy(
    cache: LayerCache,
    order: Tensor,
    similarities: Tensor,
    n: number,
  ): void;

  /**
   * Selects `k` of the `n - window` oldest tokens of each head, by a rule's
   * stages in this order:
   *
   * 1. `history`: scores are divided by their maximum (if above 0) and merged
   *    with those of the `remembered` oldest tokens, by `max(decay · h, s)`,
   *    `decay · h + (1 - decay) · s` or `decay · h + s` (arXiv 2512.00504);
   * 2. `pool`: the maximum over so many neighbours centred on each token
   *    (arXiv 2404.14469);
   * 3. `redundancy`: `mix · score - (1 - mix) · r`, with `r` the softmax over
   *    `n` of the similarities, divided by its maximum if there is a history;
   * 4. the `protect` oldest are raised above all others, and with a `quota` the
   *    `perBlock` best others of each block of `blockSize` positions;
   * 5. the `k` largest are kept, on ties those of lower rank;
   * 6. `history`: what the first stage made of their scores is remembered.
   */
  select(
    rule: SelectionRule,
    tensors: SelectionTensors,
    counts: SelectionCounts,
  ): void;

  /**
   * Moves the `k` kept ranks and the `window` newest of `n` tokens into the
   * first `k + window` slots, in place and in no order.
   */
  compact(
    cache: LayerCache,
    order: Tensor,
    kept: Tensor,
    n: number,
    k: number,
    window: number,
  ): void;

  /**
   * Turns the keys that `compact` will keep to the ranks they will have: the
   * rotary embedding of rank `r` becomes that of `r'`, the number of kept
   * tokens that are older (arXiv 2309.17453). Comes before `compact`.
   *
   * @param frequencies Radians per position of the channel pairs, `[1, headDim / 2]`.
   */
  reposition(
    cache: LayerCache,
    order: Tensor,
    kept: Tensor,
    n: number,
    k: number,
    window: number,
    frequencies: Tensor,
    pairing: "adjacent" | "halves",
  ): void;

  /** Softmax of `x / temperature` over each of `n` rows, in place; x `[n, width]`. */
  softmax(x: Tensor, n: number, temperature: number): void;

  /** Index of the largest entry of each row, the lowest on ties; out `i32 [n]`. */
  argmax(x: Tensor, out: Tensor, n: number): void;

  /**
   * Draws a token; logits `[1, vocabulary]`, which are used up, out `i32 [1]`.
   *
   * The weight of a token is `round(2^28 · exp((x - max x) / temperature))`:
   * whole, so that sums are exact in any order. Of all tokens by falling
   * weight, ties by rising id, the first `topK` are taken, of those the fewest
   * that weigh `topP` of them (one at least), of those all that weigh
   * `minP · 2^28`. In the order of ids, the first is drawn up to which more
   * than `draw` (from 0, below 1) of the weight that is left lies.
   */
  sample(logits: Tensor, out: Tensor, sampling: Sampling, draw: number): void;
}
