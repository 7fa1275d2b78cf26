import type { Budget } from "../cache/budget.ts";
import { UsageError } from "./usage_error.ts";

const units: Record<string, number> = {
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/**
 * Reads a budget: `8MiB`, `512t` (tokens) or `25%` (of the model's context).
 *
 * @throws {UsageError} when it is none of these.
 */
export function parseBudget(text: string): Budget {
  const match = /^(\d+(?:\.\d+)?)\s*([A-Za-z]+|%)$/.exec(text.trim());
  const [amount, unit] = [Number(match?.[1]), match?.[2] ?? ""];
  if (unit === "t") return { tokens: amount };
  if (unit === "%") return { ratio: amount / 100 };
  if (unit in units) return { bytes: amount * units[unit] };
  throw new UsageError(
    `Cannot read budget ${text}: bytes (8MiB), tokens (512t) or a share of ` +
      `the context (25%) are needed`,
  );
}
