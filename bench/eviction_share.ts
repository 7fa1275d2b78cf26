import type { Backend, Model, Policy } from "../mod.ts";
import { endlessSession } from "../cli/endless_session.ts";
import { clock } from "./decoding.ts";

/** Tokens that evictions leave, and that are generated between two of them. */
export const BUDGET = 1024;
export const INTERVAL = 128;

/** Evictions that are timed; one before them is for warming up. */
const EVICTIONS = 4;

/** What evictions cost in a model's own decoding. */
export interface EvictionShare {
  /** Milliseconds that one took, of all layers. */
  readonly eviction: number;
  /** Milliseconds of decoding between two, without them. */
  readonly decoding: number;
}

/**
 * Decodes at temperature 1, until `policy` has evicted several times from the
 * model's own keys. An eviction is all that happens from its first operation
 * to its last; what attention adds to a tally is part of decoding.
 */
export async function evictionShare(
  backend: Backend,
  model: Model,
  text: string,
  policy: Policy,
): Promise<EvictionShare> {
  const ids = model.tokenizer!.encode(text).slice(0, BUDGET - INTERVAL);
  using session = endlessSession(model, { budget: { tokens: BUDGET }, policy });
  const evictions = timeEvictions(backend);
  const answer = session.generateTokens(ids, {
    maxTokens: (EVICTIONS + 2) * INTERVAL + 2,
    temperature: 1,
    seed: 1,
  });
  // The first interval fills the budget, and with the second's end comes one.
  const { tokenSeconds } = await clock(answer, (EVICTIONS + 2) * INTERVAL + 1);
  const milliseconds = evictions.stop().slice(-EVICTIONS * model.config.layers);
  const evicting = milliseconds.reduce((sum, ms) => sum + ms, 0);
  const all = tokenSeconds.slice(-EVICTIONS * INTERVAL)
    .reduce((sum, seconds) => sum + seconds * 1000, 0);
  return {
    eviction: evicting / EVICTIONS,
    decoding: (all - evicting) / EVICTIONS,
  };
}

/** Times each layer's evictions: `order` is their first call, `compact` the last. */
function timeEvictions(backend: Backend): { stop(): number[] } {
  const { order, compact } = backend;
  const times: number[] = [];
  let start = 0;
  backend.order = (...given) => {
    start = performance.now();
    order.apply(backend, given);
  };
  backend.compact = (...given) => {
    compact.apply(backend, given);
    times.push(performance.now() - start);
  };
  return {
    stop: () => {
      Object.assign(backend, { order, compact });
      return times;
    },
  };
}
