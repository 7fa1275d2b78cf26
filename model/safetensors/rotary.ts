import type { RotaryConfig } from "../checkpoint/checkpoint.ts";
import { Fields } from "../checkpoint/fields.ts";

/**
 * Rotary embedding from a `config.json`: `rope_parameters` as transformers 5
 * writes it, or `rope_theta` and `rope_scaling` as it did before.
 *
 * @param config The whole file.
 * @param headDim Channels of one head.
 * @throws {ModelFormatError} For a kind of scaling other than `default`,
 * `linear` and `llama3`.
 */
export function hfRotary(config: Fields, headDim: number): RotaryConfig {
  const rope = config.inner("rope_parameters") ??
    config.inner("rope_scaling") ?? new Fields(config.file, {});
  const base = rope.positive(
    "rope_theta",
    config.positive("rope_theta", 10_000),
  );
  expectWholeHeads(rope);
  expectWholeHeads(config);
  const frequencies = Float64Array.from(
    { length: headDim / 2 },
    (_, i) => base ** (-2 * i / headDim),
  );
  const divisors = divisorsOf(rope, config, frequencies);
  return { base, pairing: "halves", ...divisors && { divisors } };
}

function expectWholeHeads(fields: Fields): void {
  const field = "partial_rotary_factor";
  if (fields.positive(field, 1) !== 1) fields.fail(field, "1 is needed");
}

function divisorsOf(
  rope: Fields,
  config: Fields,
  frequencies: Float64Array,
): Float64Array | undefined {
  // Files from before transformers 4.45 say `type`.
  const field = rope.get("rope_type") === undefined ? "type" : "rope_type";
  const type = rope.text(field, "default");
  if (type === "default") return undefined;
  if (type === "linear") return frequencies.fill(rope.positive("factor"));
  if (type === "llama3") return llama3Divisors(rope, config, frequencies);
  rope.fail(field, "default, linear or llama3 is needed");
}

/**
 * Llama 3.1's scaling, as transformers' `_compute_llama3_parameters` has it:
 * waves much shorter than the original context stay, those longer than it are
 * stretched by `factor`, and between the two the frequency is interpolated.
 */
function llama3Divisors(
  rope: Fields,
  config: Fields,
  frequencies: Float64Array,
): Float64Array {
  const factor = rope.positive("factor");
  const low = rope.positive("low_freq_factor");
  const high = rope.positive("high_freq_factor");
  if (high <= low) rope.fail("high_freq_factor", `more than ${low} is needed`);
  const context = rope.get("original_max_position_embeddings") === undefined
    ? config.count("max_position_embeddings")
    : rope.count("original_max_position_embeddings");
  return frequencies.map((frequency) => {
    const waves = context * frequency / (2 * Math.PI);
    const kept = Math.min(1, Math.max(0, (waves - low) / (high - low)));
    return 1 / ((1 - kept) / factor + kept);
  });
}
