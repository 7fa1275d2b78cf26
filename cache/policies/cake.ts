import type { Policy } from "../policy.ts";
import { snapkv, type SnapkvOptions } from "./snapkv.ts";

/** Parameters of {@linkcode cake}. */
export interface CakeOptions extends SnapkvOptions {
  /** Weight of the deviation over the window; 200 by default. */
  shift?: number;
}

/**
 * CAKE: pooled attention that also counts how much it varies over the window
 * (arXiv 2503.12491; its budgets per layer are not part of this).
 */
export function cake(options: CakeOptions = {}): Policy {
  return { ...snapkv(options), name: "cake", shift: options.shift ?? 200 };
}
