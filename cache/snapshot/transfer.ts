import type { Backend } from "../../kernels/backend.ts";
import type { CacheShape, HeadGroup, Layer, LayerForm } from "../layer.ts";
import {
  groupRanges,
  type Part,
  partBytes,
  partsOf,
  queriesHeld,
} from "./layout.ts";

/** Layers and how they are made. */
export interface LayersOf {
  readonly shape: CacheShape;
  readonly form: LayerForm;
  readonly layers: readonly Layer[];
}

/**
 * The numbers of all layers, of the moment of the call: every piece is asked
 * for before it returns.
 */
export function readLayers(
  backend: Backend,
  { shape, form, layers }: LayersOf,
): Promise<readonly Uint8Array[]> {
  return Promise.all(layers.flatMap((layer) => [
    ...partsOf(layer, form, shape.headDim).map((part) =>
      readPart(backend, layer, part, shape.kvHeads)
    ),
    readQueries(backend, layer, form),
  ]));
}

async function readPart(
  backend: Backend,
  { groups }: Layer,
  part: Part,
  kvHeads: number,
): Promise<Uint8Array> {
  const read = groups.map((group) => backend.save(part.of(group), part.slots));
  const own = await Promise.all(read);
  if (own.length === 1) return own[0];
  const all = new Uint8Array(partBytes(part, kvHeads));
  groups.forEach((group, i) => {
    let at = 0;
    for (const [from, to] of groupRanges(part, group, kvHeads)) {
      all.set(own[i].subarray(at, at + to - from), from);
      at += to - from;
    }
  });
  return all;
}

function readQueries(
  backend: Backend,
  layer: Layer,
  form: LayerForm,
): Promise<Uint8Array> {
  const held = queriesHeld(layer, form);
  if (held === 0) return Promise.resolve(new Uint8Array());
  const queries = layer.queries!;
  return backend.save(backend.rows(queries, 0, held), queries.shape[1]);
}

/** Puts the numbers back into layers whose counters are set already. */
export function writeLayers(
  backend: Backend,
  { shape, form, layers }: LayersOf,
  bytes: Uint8Array,
): void {
  let at = 0;
  const take = (size: number) => bytes.subarray(at, at += size);
  for (const layer of layers) {
    for (const part of partsOf(layer, form, shape.headDim)) {
      const own = take(partBytes(part, shape.kvHeads));
      for (const group of layer.groups) {
        const ranges = groupRanges(part, group, shape.kvHeads);
        backend.restore(part.of(group), part.slots, joined(own, ranges));
      }
    }
    const held = queriesHeld(layer, form);
    if (held === 0) continue;
    const { queryHeads, headDim } = shape;
    const own = take(held * queryHeads * headDim * 4);
    backend.restore(backend.rows(layer.queries!, 0, held), queryHeads, own);
  }
}

function joined(
  bytes: Uint8Array,
  ranges: readonly [from: number, to: number][],
): Uint8Array {
  const own = ranges.map(([from, to]) => bytes.subarray(from, to));
  const all = new Uint8Array(own.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const run of own) {
    all.set(run, at);
    at += run.length;
  }
  return all;
}

/**
 * Copies what one cache's layers hold to those of another with the same shape
 * and the counters of the first.
 */
export function copyLayers(
  backend: Backend,
  { shape, form, layers }: LayersOf,
  targets: readonly Layer[],
): void {
  layers.forEach((layer, i) => {
    const target = targets[i];
    for (const part of partsOf(layer, form, shape.headDim)) {
      for (let head = 0; head < shape.kvHeads;) {
        head += copyHeads(backend, part, layer, target, head);
      }
    }
    const held = queriesHeld(layer, form);
    if (held === 0) return;
    backend.copy(layer.queries!, 0, target.queries!, 0, held);
  });
}

/** Copies from a head on as many as lie together in both; gives how many. */
function copyHeads(
  backend: Backend,
  part: Part,
  source: Layer,
  target: Layer,
  head: number,
): number {
  const [from, to] = [source, target].map(({ groups }) =>
    groups.findLast(({ first }) => head >= first)!
  );
  const n = Math.min(leftIn(from, head), leftIn(to, head));
  const [own, copy] = [from, to].map((group) =>
    backend.slice(part.of(group), 0, part.slots)
  );
  backend.copy(own, head - from.first, copy, head - to.first, n);
  return n;
}

function leftIn({ first, heads }: HeadGroup, head: number): number {
  return first + heads - head;
}
