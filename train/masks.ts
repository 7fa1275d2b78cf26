import type { EvictionRecord } from "../cache/record.ts";
import type { TwinConfig } from "./twin_config.ts";
import { everVisible } from "./twin.ts";

/**
 * What a generation saw, for {@linkcode twinLogits}: a key that an eviction
 * dropped is seen by the queries before it, and by none from `seen` on. An
 * eviction runs after the attention of the token that made it due, so the
 * first query without the key is the next token (the code of arXiv 2512.00504
 * is one interval off here).
 *
 * @param records Of `KVCache.evictions()`, from the beginning of the text.
 * @param tokens Length of the text, or of its beginning.
 * @returns `[layers, kvHeads, tokens]`.
 */
export function untilEvicted(
  config: Pick<TwinConfig, "layers" | "kvHeads">,
  records: readonly EvictionRecord[],
  tokens: number,
): Int32Array<ArrayBuffer> {
  const until = everVisible(config, 1, tokens);
  for (const { layer, seen, positions } of records) {
    positions.forEach((kept, head) => {
      const row = (layer * config.kvHeads + head) * tokens;
      const stays = new Set(kept);
      for (let i = 0; i < Math.min(seen, tokens); i++) {
        if (!stays.has(i)) until[row + i] = Math.min(until[row + i]!, seen);
      }
    });
  }
  return until;
}
