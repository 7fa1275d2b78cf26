/**
 * What does an eviction cost?
 *
 * Every method at the model's shape, from 640 tokens to 512: µs per layer, and
 * that of all layers as a share of decoding the 128 tokens between two
 * evictions (after 512 tokens, nothing evicted), in the same run.
 *
 * ```sh
 * deno task bench eviction
 * deno run -A bench/eviction.ts MODEL.gguf --json
 * ```
 *
 * @module
 */
import { parseArgs } from "node:util";
import { full, gkv, policies, rkv } from "../mod.ts";
import { ADDED, DueCache, KEPT } from "./due_cache.ts";
import { Gkv, modelPath } from "./decoding.ts";
import { report } from "./report.ts";
import { summarise } from "./timing.ts";

/** The first one is for warming up. */
const ROUNDS = 13;

const { values: { json = false }, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: { json: { type: "boolean" } },
});
await using engine = await Gkv.open(modelPath(positionals[0]), {
  budget: { tokens: KEPT + ADDED },
  policy: full(),
});
const { backend, model: { config } } = engine;
// Keys are random, but those of a chunk repeat: each has near-duplicates.
const caches = [
  ...Object.values(policies).map((policy) => policy()),
  { ...gkv({ redundancy: "keydiff" }), name: "gkv, keydiff" },
  { ...rkv({ redundancy: "keydiff" }), name: "rkv, keydiff" },
].filter(({ score }) => score !== "none")
  .map((policy) => new DueCache(backend, config, policy));
const prompt = Array.from({ length: KEPT }, (_, i) => i % config.vocabulary);
const decodings: number[] = [];
const evictions = caches.map((): number[] => []);
for (let round = 0; round < ROUNDS; round++) {
  decodings.push(await decode());
  caches.forEach((cache, i) => {
    cache.fill();
    evictions[i].push(cache.evict());
  });
}
const decoding = summarise(decodings.slice(1));
const rows = caches.map(({ name }, i) => {
  const { min, median } = summarise(evictions[i].slice(1));
  return {
    policy: name,
    "min µs": min,
    "median µs": median,
    "% of decoding": 100 * median * config.layers / decoding.median,
  };
});
report(`Evicting ${ADDED} of ${KEPT + ADDED} tokens, one layer`, rows, json);

/** Microseconds of decoding as many tokens as an eviction removes. */
async function decode(): Promise<number> {
  const { tokenSeconds } = await engine.generate(prompt, ADDED + 1);
  return tokenSeconds.slice(1).reduce((sum, s) => sum + s * 1e6, 0);
}
