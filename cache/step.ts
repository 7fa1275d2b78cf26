import type { Backend } from "../kernels/backend.ts";
import type { Tensor } from "../kernels/tensors.ts";
import { headsOf, type Layer } from "./layer.ts";
import { NO_TALLY } from "./tally.ts";

/** Writes `n` tokens after those that a layer has. */
export function appendTokens(
  backend: Backend,
  layer: Layer,
  k: Tensor,
  v: Tensor,
  n: number,
): void {
  const { cached, seen, names, groups } = layer;
  // A group that is refused ends it: what others wrote is in slots not in use.
  for (const group of groups) {
    const [key, value] = [k, v].map((t) => headsOf(backend, layer, group, t));
    backend.append(group, key, value, n, cached, seen, names.kv);
  }
  layer.cached += n;
  layer.seen += n;
  layer.pending += n;
}

/**
 * Attention of the `n` tokens just appended to a layer, whose queries are kept.
 *
 * @param tallied Queries that the tally holds already, or `NO_TALLY`.
 */
export function attendTokens(
  backend: Backend,
  layer: Layer,
  q: Tensor,
  out: Tensor,
  n: number,
  tallied: number,
): void {
  const { cached, names, groups } = layer;
  for (const group of groups) {
    const query = headsOf(backend, layer, group, q);
    const result = headsOf(backend, layer, group, out);
    const tally = tallied === NO_TALLY ? undefined : group.tally;
    const { q: name } = names;
    backend.attention(query, group, result, n, cached, name, tally, tallied);
  }
  rememberQueries(backend, layer, q, n);
  layer.pending = 0;
}

/** Keeps the last queries of `q`, `n` entries, in the layer's ring. */
function rememberQueries(
  backend: Backend,
  layer: Layer,
  q: Tensor,
  n: number,
): void {
  const { queries } = layer;
  if (!queries) return;
  const ring = queries.shape[0];
  for (let done = Math.max(0, n - ring); done < n;) {
    const run = Math.min(n - done, ring - layer.next);
    backend.copy(q, done, queries, layer.next, run);
    layer.next = (layer.next + run) % ring;
    done += run;
  }
}
