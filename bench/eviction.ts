/**
 * What does an eviction cost?
 *
 * Every method at the model's shape, from 640 tokens to 512: µs per layer, and
 * that of all layers as a share of decoding the 128 tokens between two
 * evictions (after 512 tokens, nothing evicted), in the same run.
 *
 * Then `gkv` in the model's own decoding with a budget of 1,024 tokens, scores
 * from attention: all that an eviction does as a share of the 128 tokens before
 * it. Exits with 1 if that is more than 1.5 % with `keydiff`, or 5 % with the
 * full cosine.
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
import { BUDGET, evictionShare, INTERVAL } from "./eviction_share.ts";
import { anyBroken, claim, figure, report, type Row } from "./report.ts";
import { summarise } from "./timing.ts";

/** The first one is for warming up. */
const ROUNDS = 13;

/** What the model goes on from. */
const TEXT = new URL("texts/persuasion.txt", import.meta.url);

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
const shares = [
  ...await shareOf("keydiff", 1.5),
  ...await shareOf("cosine", 5),
];
report(
  `Evicting ${INTERVAL} of ${BUDGET + INTERVAL} while decoding`,
  shares,
  json,
);
if (anyBroken(shares)) Deno.exitCode = 1;

/** What evictions cost in decoding, by the rule of redundancy. */
async function shareOf(
  redundancy: "cosine" | "keydiff",
  most: number,
): Promise<Row[]> {
  const text = await Deno.readTextFile(TEXT);
  const { model } = engine, policy = gkv({ redundancy });
  const share = await evictionShare(backend, model, text, policy);
  const { eviction, decoding } = share;
  return [
    figure(`ms of an eviction, ${redundancy}`, eviction),
    figure(`ms of decoding ${INTERVAL} tokens`, decoding),
    claim("  % of decoding", 100 * eviction / decoding, most),
  ];
}

/** Microseconds of decoding as many tokens as an eviction removes. */
async function decode(): Promise<number> {
  const { tokenSeconds } = await engine.generate(prompt, ADDED + 1);
  return tokenSeconds.slice(1).reduce((sum, s) => sum + s * 1e6, 0);
}
