import { vectorBytes } from "../../kernels/cache_bytes.ts";
import type { CacheType, DType, Tensor } from "../../kernels/tensors.ts";
import type { CacheShape, HeadGroup, LayerForm, Progress } from "../layer.ts";

/** Something that a layer holds of each of its first `slots` slots. */
export interface Part {
  readonly name: string;
  readonly type: DType;
  /** Numbers of a slot and head. */
  readonly width: number;
  /** Slots, or ranks, of which it is held. */
  readonly slots: number;
  /** Where a group of heads holds it. */
  readonly of: (group: HeadGroup) => Tensor;
}

/** What is held of a layer, by its counters: nothing that is not needed. */
export function partsOf(
  { cached, remembered, tallied }: Progress,
  form: LayerForm,
  headDim: number,
): Part[] {
  const part = (
    name: string,
    type: DType,
    slots: number,
    of: Part["of"],
    width = 1,
  ) => ({ name, type, width, slots, of });
  const tallies = form.tally ? tallied && cached : 0;
  const all = [
    part("keys", form.type, cached, ({ keys }) => keys, headDim),
    part("values", form.type, cached, ({ values }) => values, headDim),
    part("positions", "i32", cached, ({ positions }) => positions),
    part("sums", "f32", form.sums ? cached : 0, ({ sums }) => sums!),
    part("history", "f32", form.history ? remembered : 0, (g) => g.history!),
    part("tally", "f32", tallies, ({ tally }) => tally!.sums),
    part(
      "squares",
      "f32",
      form.squares ? tallies : 0,
      (g) => g.tally!.squares!,
    ),
  ];
  return all.filter(({ slots }) => slots > 0);
}

/** Entries of a layer's ring of queries that were written. */
export function queriesHeld({ seen }: Progress, form: LayerForm): number {
  return Math.min(seen, form.queries);
}

/** Bytes of a part of so many heads, as `Backend.save` gives them. */
export function partBytes({ type, width, slots }: Part, heads: number): number {
  const vector = type === "i32" ? 4 * width : vectorBytes(type, width);
  return heads * slots * vector;
}

/** Bytes of all that is held of a layer. */
export function layerBytes(
  { queryHeads, kvHeads, headDim }: CacheShape,
  form: LayerForm,
  layer: Progress,
): number {
  const parts = partsOf(layer, form, headDim);
  const queries = queriesHeld(layer, form) * queryHeads * headDim;
  return parts.reduce(
    (sum, part) => sum + partBytes(part, kvHeads),
    queries * Float32Array.BYTES_PER_ELEMENT,
  );
}

/**
 * Bytes of a cache beside its slots: queries and intermediate results, or
 * somewhat more.
 */
export function besideBytes(
  { layers, queryHeads, kvHeads, headDim }: CacheShape,
  form: LayerForm,
  slots: number,
): number {
  const queries = (layers + 1) * form.queries * queryHeads * headDim;
  return (queries + 5 * kvHeads * slots + headDim) *
    Float32Array.BYTES_PER_ELEMENT;
}

/**
 * Where in a part of a whole layer the bytes of a group of heads are: the
 * numbers of all heads come before the scales of all.
 */
export function groupRanges(
  part: Part,
  { first, heads }: Pick<HeadGroup, "first" | "heads">,
  kvHeads: number,
): [from: number, to: number][] {
  const { type, width, slots } = part;
  const range = (start: number, size: number): [number, number] => [
    start + first * size,
    start + (first + heads) * size,
  ];
  if (type !== "int8") return [range(0, partBytes(part, 1))];
  const numbers = slots * width;
  return [
    range(0, numbers),
    range(kvHeads * numbers, slots * Float32Array.BYTES_PER_ELEMENT),
  ];
}

/** Types that a header can name. */
export const CACHE_TYPES: readonly CacheType[] = ["f32", "f16", "int8"];
