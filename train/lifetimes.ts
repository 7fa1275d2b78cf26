import type { Random } from "./random.ts";
import type { TwinConfig } from "./twin_config.ts";

/** Shortest life of a key, in tokens. */
const SHORTEST = 8;

/** Range of a text's mean life beyond that, log-uniform. */
const MEANS = [60, 2000] as const;

/**
 * Random key lifetimes: each key of each text, layer and KV head is dropped
 * after a time that is exponentially distributed, with a mean of the text's
 * own. No method's mask, so that none is favoured.
 *
 * @returns `until` of {@linkcode twinLogits}, `[rows, layers, kvHeads, tokens]`.
 */
export function randomLifetimes(
  { layers, kvHeads }: TwinConfig,
  rows: number,
  tokens: number,
  random: Random,
): Int32Array<ArrayBuffer> {
  const until = new Int32Array(rows * layers * kvHeads * tokens);
  const perText = until.length / rows;
  for (let row = 0; row < rows; row++) {
    const mean = MEANS[0] * (MEANS[1] / MEANS[0]) ** random.next();
    for (let i = 0; i < perText; i++) {
      const life = SHORTEST - mean * Math.log(1 - random.next());
      until[row * perText + i] = i % tokens + Math.ceil(life);
    }
  }
  return until;
}
