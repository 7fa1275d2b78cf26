import type { Crew } from "./crew.ts";
import type { Batch, Block } from "./learner.ts";
import { type AdvantageOptions, advantagesOf, type Sample } from "./samples.ts";
import type { TwinConfig } from "./twin_config.ts";

/** Some samples of about the same length. */
export interface Bucket {
  /** For the objective `policyGradient`. */
  readonly batch: Batch;
  /** Weight of every token, `[rows * tokens]`; the sum over buckets is 1. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** What {@linkcode bucketsOf} needs of a training's options. */
export interface BucketOptions extends AdvantageOptions {
  /** Sizes of the model. */
  readonly config: TwinConfig;
  /** Texts are padded to multiples of so many tokens. */
  readonly bucket: number;
  /** Samples of a step. */
  readonly minibatch: number;
  /** Most tokens of a batch, padding included. */
  readonly batchTokens: number;
  /** Least and greatest ratio that is rewarded. */
  readonly clip: readonly [least: number, greatest: number];
  /** Weight of the divergence from the reference. */
  readonly beta: number;
}

/** A sample with the advantage of each of its rewards. */
interface Judged extends Sample {
  readonly advantages: readonly number[];
}

/** Parameters and what computes with them. */
interface Model {
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly crew: Crew;
}

/**
 * The samples of a round in minibatches, a step's each: the first sample of
 * every problem, then the second ones, and so on, so that a step learns from
 * several problems. See {@linkcode bucketsOf}.
 *
 * @param model What wrote the samples.
 * @param reference Parameters that the model must not go far from.
 */
export async function minibatchesOf(
  options: BucketOptions,
  model: Model,
  reference: Float32Array<ArrayBuffer>,
  groups: readonly Sample[][],
): Promise<Bucket[][]> {
  const judged = groups.map((group) => {
    const advantages = advantagesOf(group, options);
    return group.map((sample, i) => ({
      ...sample,
      advantages: advantages[i]!,
    }));
  });
  const mixed = judged[0]!.flatMap((_, i) => judged.map((group) => group[i]!));
  const minibatches: Bucket[][] = [];
  for (let at = 0; at < mixed.length; at += options.minibatch) {
    const part = mixed.slice(at, at + options.minibatch);
    minibatches.push(await bucketsOf(options, model, reference, part));
  }
  return minibatches;
}

/**
 * Batches of samples for the objective `policyGradient`. Texts are padded to
 * multiples of `bucket` tokens, and batches to as many rows as a minibatch and
 * `batchTokens` allow: each shape costs seconds to trace.
 */
async function bucketsOf(
  options: BucketOptions,
  model: Model,
  reference: Float32Array<ArrayBuffer>,
  samples: readonly Judged[],
): Promise<Bucket[]> {
  const total = samples.reduce(
    (sum, { ids, prompt }) => sum + ids.length - prompt,
    0,
  );
  const buckets: Bucket[] = [];
  for (const [length, all] of byLengthOf(samples, options.bucket)) {
    const rows = rowsOf(options, length, model.crew);
    for (let at = 0; at < all.length; at += rows) {
      const part = all.slice(at, at + rows);
      const arrays = arraysOf(options.config, part, length, rows);
      const weights = arrays.weights.map((weight) => weight / total);
      const batch = blocksOf(options, { ...arrays, weights }, length);
      const old = await targetsOf(model, model.parameters, batch);
      const first = await targetsOf(model, reference, batch);
      buckets.push({ batch: { ...batch, old, reference: first }, weights });
    }
  }
  return buckets;
}

/** Samples by their length rounded up, short ones first. */
function byLengthOf(
  samples: readonly Judged[],
  bucket: number,
): [length: number, samples: Judged[]][] {
  const lengthOf = ({ ids }: Judged) =>
    Math.ceil((ids.length - 1) / bucket) * bucket;
  return [...Map.groupBy(samples, lengthOf)].sort(([a], [b]) => a - b);
}

/** Log-probabilities of a batch's targets. */
async function targetsOf(
  { crew }: Model,
  parameters: Float32Array<ArrayBuffer>,
  { ids, until, targets }: Batch,
): Promise<Block> {
  const seen = { ids: ids!, until: until! };
  const logits = await crew.logits(parameters, seen);
  const own = targets!.data as Int32Array<ArrayBuffer>;
  const data = targetLogProbabilitiesOf(logits, own);
  return { data, shape: targets!.shape };
}

/** A multiple of the crew. */
function rowsOf(
  { batchTokens, minibatch }: BucketOptions,
  length: number,
  { size }: Crew,
): number {
  const most = Math.floor(batchTokens / length / size);
  return Math.max(1, Math.min(most, Math.ceil(minibatch / size))) * size;
}

/** Arrays of a bucket, row after row. */
interface Arrays {
  rows: number;
  ids: Int32Array<ArrayBuffer>;
  targets: Int32Array<ArrayBuffer>;
  until: Int32Array<ArrayBuffer>;
  weights: Float32Array<ArrayBuffer>;
  advantages: Float32Array<ArrayBuffer>;
}

/** Rows without a sample weigh nothing. */
function arraysOf(
  { layers, kvHeads }: TwinConfig,
  samples: readonly Judged[],
  length: number,
  rows: number,
): Arrays {
  const heads = layers * kvHeads;
  const arrays: Arrays = {
    rows,
    ids: new Int32Array(rows * length),
    targets: new Int32Array(rows * length),
    until: new Int32Array(rows * heads * length).fill(2 ** 30),
    weights: new Float32Array(rows * length),
    advantages: new Float32Array(rows * length),
  };
  samples.forEach(({ ids, prompt, until, rewards, advantages }, row) => {
    const own = ids.length - 1;
    arrays.ids.set(ids.slice(0, -1), row * length);
    arrays.targets.set(ids.slice(1), row * length);
    const [from, to] = [row * length + prompt - 1, row * length + own];
    arrays.weights.fill(1, from, to);
    rewards.forEach(({ start, end }, i) => {
      const last = Math.min(to, from + end);
      arrays.advantages.fill(advantages[i]!, from + start, last);
    });
    for (let head = 0; head < heads; head++) {
      const part = until.subarray(head * own, (head + 1) * own);
      arrays.until.set(part, (row * heads + head) * length);
    }
  });
  return arrays;
}

function blocksOf(
  { config: { layers, kvHeads }, clip, beta }: BucketOptions,
  { rows, ids, targets, until, weights, advantages }: Arrays,
  length: number,
): Batch {
  const shape = [rows, length];
  const settings = Array.from({ length: rows }, () => [...clip, beta]).flat();
  return {
    ids: { data: ids, shape },
    until: { data: until, shape: [rows, layers, kvHeads, length] },
    targets: { data: targets, shape },
    weights: { data: weights, shape },
    advantages: { data: advantages, shape },
    settings: { data: Float32Array.from(settings), shape: [rows, 3] },
  };
}

/** Log-probability of every target under logits `[targets, vocabulary]`. */
export function targetLogProbabilitiesOf(
  logits: Float32Array,
  targets: Int32Array,
): Float32Array<ArrayBuffer> {
  const vocabulary = logits.length / targets.length;
  return Float32Array.from(targets, (target, i) => {
    const row = logits.subarray(i * vocabulary, (i + 1) * vocabulary);
    const most = row.reduce((a, b) => Math.max(a, b));
    const sum = row.reduce((all, x) => all + Math.exp(x - most), 0);
    return row[target]! - most - Math.log(sum);
  });
}
