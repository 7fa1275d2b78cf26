import type { Crew } from "./crew.ts";
import type { Batch } from "./learner.ts";
import { advantagesOf, type Sample } from "./samples.ts";
import type { TwinConfig } from "./twin_config.ts";

/** Some samples of about the same length. */
export interface Bucket {
  /** For the objective `policyGradient`. */
  readonly batch: Batch;
  /** Weight of every token, `[rows * tokens]`; the sum over buckets is 1. */
  readonly weights: Float32Array<ArrayBuffer>;
}

/** What {@linkcode bucketsOf} needs of a training's options. */
export interface BucketOptions {
  /** Sizes of the model. */
  readonly config: TwinConfig;
  /** Texts are padded to multiples of so many tokens. */
  readonly bucket: number;
  /** Most tokens of a batch, padding included. */
  readonly batchTokens: number;
  /** Least and greatest ratio that is rewarded. */
  readonly clip: readonly [least: number, greatest: number];
  /** Weight of the divergence from the reference. */
  readonly beta: number;
  /** See {@linkcode advantagesOf}. */
  readonly forgiveCutOff: boolean;
}

/** A sample with its advantage. */
interface Judged extends Sample {
  advantage: number;
}

/**
 * Batches of samples for the objective `policyGradient`. Texts are padded to
 * multiples of `bucket` tokens, and batches to as many rows as `batchTokens`
 * allow: each shape costs seconds to trace.
 *
 * @param trainer Whose parameters wrote the samples.
 * @param reference Parameters that the model must not go far from.
 */
export async function bucketsOf(
  options: BucketOptions,
  { parameters, crew }: {
    parameters: Float32Array<ArrayBuffer>;
    crew: Crew;
  },
  reference: Float32Array<ArrayBuffer>,
  groups: readonly Sample[][],
): Promise<Bucket[]> {
  const byLength = new Map<number, Judged[]>();
  let total = 0;
  for (const group of groups) {
    const advantages = advantagesOf(group, options.forgiveCutOff);
    group.forEach((sample, i) => {
      const { bucket } = options;
      const length = Math.ceil((sample.ids.length - 1) / bucket) * bucket;
      const judged = { ...sample, advantage: advantages[i]! };
      byLength.set(length, [...byLength.get(length) ?? [], judged]);
      total += sample.ids.length - sample.prompt;
    });
  }
  const buckets: Bucket[] = [];
  const lengths = [...byLength.keys()].sort((a, b) => a - b);
  for (const length of lengths) {
    const rows = rowsOf(options, length, crew);
    const samples = byLength.get(length)!;
    for (let at = 0; at < samples.length; at += rows) {
      const part = samples.slice(at, at + rows);
      const arrays = arraysOf(options.config, part, length, rows);
      const weights = arrays.weights.map((weight) => weight / total);
      const batch = blocksOf(options, { ...arrays, weights }, length);
      const seen = { ids: batch.ids!, until: batch.until! };
      const block = async (values: Float32Array<ArrayBuffer>) => {
        const logits = await crew.logits(values, seen);
        const data = targetLogProbabilitiesOf(logits, arrays.targets);
        return { data, shape: [rows, length] };
      };
      const old = await block(parameters);
      const first = await block(reference);
      buckets.push({ batch: { ...batch, old, reference: first }, weights });
    }
  }
  return buckets;
}

/** A multiple of the crew. */
function rowsOf(
  { batchTokens }: BucketOptions,
  length: number,
  { size }: Crew,
): number {
  return Math.max(1, Math.floor(batchTokens / length / size)) * size;
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
  samples.forEach(({ ids, prompt, until, advantage }, row) => {
    const own = ids.length - 1;
    arrays.ids.set(ids.slice(0, -1), row * length);
    arrays.targets.set(ids.slice(1), row * length);
    const [from, to] = [row * length + prompt - 1, row * length + own];
    arrays.weights.fill(1, from, to);
    arrays.advantages.fill(advantage, from, to);
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
