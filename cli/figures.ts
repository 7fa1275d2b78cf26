import type { CacheStats } from "../cache/options.ts";
import type { Generation } from "../model/generation.ts";

/** What `gkv run` reports of a generation. */
export interface Figures {
  tokensSeen: number;
  tokensCached: number;
  budgetTokens: number;
  cacheBytes: number;
  budgetBytes: number;
  evictions: number;
  promptTokens: number;
  promptTokensPerSecond: number;
  generatedTokens: number;
  decodeTokensPerSecond: number;
  /** Milliseconds per decoded token. */
  tokenMedianMs: number;
  tokenP99Ms: number;
  stopReason: string;
  seed: number;
  policy: string;
  backend: string;
}

/** Collects the figures of a session's last generation. */
export function figuresOf(
  generation: Generation,
  stats: CacheStats,
  names: { policy: string; backend: string },
): Figures {
  // The first token's time is the prompt's.
  const seconds = generation.tokenSeconds.slice(1);
  const total = seconds.reduce((sum, value) => sum + value, 0);
  return {
    tokensSeen: stats.seen,
    tokensCached: stats.cached,
    budgetTokens: stats.budgetTokens,
    cacheBytes: stats.bytes,
    budgetBytes: stats.budgetBytes,
    evictions: stats.evictions,
    promptTokens: generation.promptTokens,
    promptTokensPerSecond: rate(
      generation.promptTokens,
      generation.promptSeconds,
    ),
    generatedTokens: generation.tokens.length,
    decodeTokensPerSecond: rate(seconds.length, total),
    tokenMedianMs: quantile(seconds, 0.5) * 1000,
    tokenP99Ms: quantile(seconds, 0.99) * 1000,
    stopReason: generation.stopReason ?? "aborted",
    seed: generation.seed,
    ...names,
  };
}

/** The closing lines for a person. */
export function describe(figures: Figures): string {
  const f = figures;
  return [
    `tokens   ${count(f.tokensSeen)} seen, ${count(f.tokensCached)} cached ` +
    `(budget ${
      count(f.budgetTokens)
    }), ${f.evictions} evictions by ${f.policy}`,
    `cache    ${bytes(f.cacheBytes)} of ${bytes(f.budgetBytes)}`,
    `prompt   ${count(f.promptTokens)} tokens, ` +
    `${f.promptTokensPerSecond.toFixed(1)} per second`,
    `decode   ${count(f.generatedTokens)} tokens, ` +
    `${f.decodeTokensPerSecond.toFixed(1)} per second, median ` +
    `${f.tokenMedianMs.toFixed(2)} ms, 99th percentile ` +
    `${f.tokenP99Ms.toFixed(2)} ms`,
    `end      ${f.stopReason}, seed ${f.seed}, ${f.backend}`,
  ].join("\n");
}

/** The value below which a share of the values lie; 0 of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.ceil(share * sorted.length) - 1] ?? sorted[0] ?? 0;
}

/** Bytes for a person: `7.5 MiB`. */
export function bytes(value: number): string {
  const steps = Math.min(3, Math.floor(Math.log2(Math.max(1, value)) / 10));
  const unit = ["B", "KiB", "MiB", "GiB"][steps];
  return `${(value / 2 ** (10 * steps)).toFixed(steps ? 1 : 0)} ${unit}`;
}

function count(value: number): string {
  return value.toLocaleString("en");
}

function rate(n: number, seconds: number): number {
  return seconds > 0 ? n / seconds : 0;
}
