import fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { leastTokens } from "../../cache/budget.ts";
import type { KVCache } from "../../cache/cache.ts";
import { gkv, h2o, methods } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";
import { KVPool } from "../../cache/pool.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import type { CacheType } from "../../kernels/tensors.ts";
import { boundaryAt, feed } from "./feed.ts";
import { Twin } from "./twin.ts";

/** Always the same runs: a test that fails by chance teaches nothing. */
const settings = { seed: 6, numRuns: 40 };

const dtypes: CacheType[] = ["f32", "f16", "int8"];

/** Policies of pools, and the methods whose sequences they can have. */
const pools: { policy: Policy; methods: string[] }[] = [
  {
    policy: { ...gkv({ window: 4, interval: 9 }), shift: 1 },
    methods: ["gkv", "cake", "snapkv", "tova", "rkv", "keydiff", "full"],
  },
  {
    policy: { ...h2o(), window: 3, interval: 5 },
    methods: ["h2o", "sepllm", "streaming", "random", "full"],
  },
];

const joins = fc.record({
  act: fc.constant("join" as const),
  method: fc.nat(6),
  weight: fc.constantFrom(0.5, 1, 1, 1, 3),
  /** Of the least, beyond what the method cannot do without. */
  spare: fc.nat(20),
  protectPrompt: fc.boolean(),
  window: fc.integer({ min: 1, max: 8 }),
  interval: fc.integer({ min: 1, max: 20 }),
});

const leaves = fc.record({
  act: fc.constant("leave" as const),
  who: fc.nat(9),
});

const texts = fc.record({
  act: fc.constantFrom("prompt" as const, "generate" as const),
  who: fc.nat(9),
  /** Percent of what there is room for in a prompt, or of 40 generated. */
  percent: fc.integer({ min: 1, max: 150 }),
});

const actions = fc.oneof(
  { weight: 3, arbitrary: joins },
  { weight: 1, arbitrary: leaves },
  { weight: 4, arbitrary: texts },
);

const runs = fc.record({
  dtype: fc.constantFrom(...dtypes),
  pool: fc.nat(1),
  slots: fc.oneof(
    fc.integer({ min: 40, max: 150 }),
    // More than are moved at once.
    fc.integer({ min: 700, max: 900 }),
  ),
  actions: fc.array(actions, { minLength: 12, maxLength: 24, size: "max" }),
});

type Run = typeof runs extends fc.Arbitrary<infer T> ? T : never;
type Action = Run["actions"][number];
type Join = Extract<Action, { act: "join" }>;

/** A cache of the pool, and one on its own that has always had its budgets. */
interface Pair {
  cache: KVCache;
  twin: Twin;
}

/** A pool, and what its caches would hold without one. */
class Model {
  readonly #pairs: Pair[] = [];
  readonly #backend: Backend;
  readonly #pool: KVPool;
  readonly #methods: readonly string[];

  constructor(backend: Backend, { dtype, pool, slots }: Run) {
    this.#backend = backend;
    this.#methods = pools[pool].methods;
    this.#pool = new KVPool(backend, {
      layers: 2,
      queryHeads: 4,
      kvHeads: 2,
      headDim: 12,
      dtype,
      policy: pools[pool].policy,
      budget: { tokens: slots },
    });
  }

  async act(action: Action): Promise<void> {
    if (action.act === "join") this.#join(action);
    else if (this.#pairs.length > 0) {
      const pair = this.#pairs[action.who % this.#pairs.length];
      if (action.act === "leave") this.#leave(pair);
      else await this.#say(pair, action.act, action.percent / 100);
    }
    await this.#check();
  }

  dispose(): void {
    for (const { twin } of this.#pairs) twin[Symbol.dispose]();
    this.#pool.dispose();
  }

  #join(join: Join): void {
    const policy = policyOf(join, this.#methods);
    const { weight, protectPrompt } = join;
    const options = { policy, protectPrompt, boundaryAt };
    const least = leastTokens(policy) + join.spare;
    const before = JSON.stringify(this.#pool.stats());
    try {
      const cache = this.#pool.join({ ...options, weight, least });
      const { shape, dtype, slots } = this.#pool;
      const all = { ...options, ...shape, dtype };
      this.#pairs.push({ cache, twin: new Twin(this.#backend, all, slots) });
      assert(cache.tokens >= least);
    } catch (error) {
      assert(error instanceof RangeError, String(error));
      assertEquals(JSON.stringify(this.#pool.stats()), before);
    }
    this.#follow();
  }

  #leave(pair: Pair): void {
    this.#pairs.splice(this.#pairs.indexOf(pair), 1);
    pair.cache.dispose();
    pair.twin[Symbol.dispose]();
    this.#follow();
  }

  #follow(): void {
    for (const { cache, twin } of this.#pairs) twin.resize(cache.slots);
  }

  async #say(
    pair: Pair,
    what: "prompt" | "generate",
    share: number,
  ): Promise<void> {
    const most = what === "prompt" ? pair.cache.room() : 40;
    for (let left = Math.ceil(share * most); left > 0;) {
      const room = pair.cache.room();
      if (room === 0) return;
      const n = what === "prompt" ? Math.min(left, room) : 1;
      left -= n;
      const phase = what === "generate"
        ? "decode"
        : left > 0
        ? "prompt"
        : "promptEnd";
      const [own, other] = [pair.cache, pair.twin.cache];
      const out = await feed(this.#backend, own, n, phase);
      assertEquals(out, await feed(this.#backend, other, n, phase));
      const { bytes, budgetBytes } = this.#pool.stats();
      assert(bytes <= budgetBytes, "never more bytes than the budget's");
    }
  }

  async #check(): Promise<void> {
    const slots = this.#pairs.reduce((sum, p) => sum + p.cache.slots, 0);
    assert(slots <= this.#pool.slots, "shares are no more than there is");
    for (const { cache, twin } of this.#pairs) {
      for (const layer of [0, 1]) {
        const held = await cache.positions(layer, 1);
        assertEquals(held, await twin.cache.positions(layer, 1));
        checkPositions(held, cache);
      }
    }
  }
}

function policyOf(
  { method, window, interval }: Join,
  names: readonly string[],
): Policy {
  const policy = methods[names[method % names.length]].policy();
  return policy.score === "none" ? policy : { ...policy, window, interval };
}

function checkPositions(held: Int32Array, { seen, policy }: KVCache): void {
  assert(
    held.every((p, i) => i === 0 || p > held[i - 1]),
    "strictly increasing",
  );
  const window = Math.min(policy.window, seen);
  assertEquals(
    [...held.slice(held.length - window)],
    Array.from({ length: window }, (_, i) => seen - window + i),
    "the window stays",
  );
}

async function holds(backend: Backend, run: Run): Promise<void> {
  const { used } = backend.memory();
  const model = new Model(backend, run);
  for (const action of run.actions) await model.act(action);
  model.dispose();
  assertEquals(backend.memory().used, used);
}

Deno.test("KVPool keeps its budget, and each cache is as on its own, whoever comes and goes", async () => {
  using backend = await openBackend({ backend: "wasm" });
  await fc.assert(
    fc.asyncProperty(runs, (run) => holds(backend, run)),
    settings,
  );
});
