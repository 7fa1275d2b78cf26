import fc from "fast-check";
import { assertGreater, assertLess } from "@std/assert";
import { KVCache } from "../../cache/cache.ts";
import { methods } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import type { Backend, CacheType } from "../../kernels/ops.ts";
import { filled, normal } from "../kernels/numbers.ts";

/** A cache that evicts, and what goes through it. */
interface Run {
  shape: { kvHeads: number; group: number; headDim: number };
  method: string;
  window: number;
  interval: number;
  /** Of the budget, beyond the window. */
  spare: number;
  prompt: number;
  generated: number;
  seed: number;
}

/** Methods that look at attention or keys. */
const scored = Object.keys(methods).filter((name) => {
  const { score } = methods[name].policy();
  return score === "attention" || score === "keydiff" || score === "total";
});

const runs: fc.Arbitrary<Run> = fc.record({
  shape: fc.record({
    kvHeads: fc.integer({ min: 1, max: 3 }),
    group: fc.integer({ min: 1, max: 4 }),
    headDim: fc.constantFrom(32, 64, 128),
  }),
  method: fc.constantFrom(...scored),
  window: fc.integer({ min: 4, max: 16 }),
  interval: fc.integer({ min: 4, max: 32 }),
  spare: fc.integer({ min: 16, max: 100 }),
  prompt: fc.integer({ min: 20, max: 150 }),
  generated: fc.integer({ min: 10, max: 60 }),
  seed: fc.nat(1e6),
});
console.log(scored);

function cacheOf(backend: Backend, run: Run, dtype: CacheType): KVCache {
  const { kvHeads, group, headDim } = run.shape;
  const { window, interval, method, spare } = run;
  return new KVCache(backend, {
    ...{ layers: 1, kvHeads, headDim, queryHeads: kvHeads * group, dtype },
    budget: { tokens: window + spare },
    policy: { ...methods[method].policy(), window, interval },
  });
}

/**
 * Vectors as models have them: some channels have large means of their own,
 * some tokens are larger than others.
 */
function vectors(seed: number, heads: number, headDim: number, first: number, n: number, mean: number): Float32Array {
  return Float32Array.from({ length: n * heads * headDim }, (_, i) => {
    const token = first + Math.floor(i / (heads * headDim));
    const channel = i % (heads * headDim);
    const size = Math.exp(0.3 * normal(seed + 1, token));
    const bias = mean * normal(seed + 2, channel) * Math.exp(normal(seed + 3, channel));
    return bias + size * normal(seed, first * heads * headDim + i);
  });
}

async function step(backend: Backend, cache: KVCache, run: Run, n: number): Promise<Float32Array> {
  const { queryHeads, kvHeads, headDim } = cache.shape;
  const make = (k: number, heads: number, mean: number) => filled(backend, [n, heads, headDim], vectors(run.seed + 10 * k, heads, headDim, cache.seen, n, mean));
  const q = make(1, queryHeads, 0.3), k = make(2, kvHeads, 0.7), v = make(3, kvHeads, 0.2);
  const out = backend.tensor([n, queryHeads, headDim]);
  cache.append(0, k, v);
  cache.attend(0, q, out, n, n > 1 ? "promptEnd" : "decode");
  const result = await backend.read(out) as Float32Array;
  for (const t of [q, k, v, out]) backend.free(t);
  return result;
}
const T = { kept: 0, same: 0, rms: [] as number[], max: [] as number[], maxv: [] as number[], rr: [] as number[], mx: [] as number[], worst: 1};
Deno.test("explore", async () => {
  using backend = await openBackend({ backend: "wasm" });
  await fc.assert(fc.asyncProperty(runs, async (run) => {
    using a = cacheOf(backend, run, "f32"), b = cacheOf(backend, run, "int8");
    let diverged = false, kept = 0, same = 0, E = 0, N = 0, VM = 0, S = 0, MX = 0;
    for (let left = run.prompt; left > 0;) {
      const n = Math.min(left, a.room(), b.room()); left -= n;
      await compare(n);
    }
    for (let i = 0; i < run.generated; i++) await compare(1);
    async function compare(n: number) {
      const seen = a.seen;
      const [x, y] = [await step(backend, a, run, n), await step(backend, b, run, n)];
      if (!diverged) {
        let e = 0, s = 0, m = 0, mx = 0;
        x.forEach((v, i) => { e += (v - y[i]) ** 2; s += v * v; m = Math.max(m, Math.abs(v - y[i])); mx = Math.max(mx, Math.abs(v)); });
        T.rms.push(Math.sqrt(e / s)); T.max.push(m / mx);
        const vs = vectors(run.seed + 30, run.shape.kvHeads, run.shape.headDim, 0, seen + n, 0.2);
        let vr = 0, vm = 0; vs.forEach((v) => { vr += v * v; vm = Math.max(vm, Math.abs(v)); });
        E += e; N += x.length; VM = vm; S += s; MX = Math.max(MX, m);
      }
      for (let h = 0; h < run.shape.kvHeads; h++) {
        const p = await a.positions(0, h), q = new Set(await b.positions(0, h));
        const common = [...p].filter((t) => q.has(t)).length;
        if (common < p.length) diverged = true;
        kept += p.length; same += common;
      }
    }
    T.maxv.push(Math.sqrt(E / N) / VM); T.rr.push(Math.sqrt(E / S)); T.mx.push(MX / VM); T.kept += kept; T.same += same; T.worst = Math.min(T.worst, same / kept);
  }), { seed: 4, numRuns: 60 });
  const q = (x: number[], p: number) => { x.sort((a, b) => a - b); return x[Math.min(x.length - 1, Math.floor(p * x.length))]; };
  console.log("agree", T.same / T.kept, "worst run", T.worst);
  for (const k of ["rms", "max", "maxv", "rr", "mx"] as const) console.log(k, "median", q(T[k], .5).toExponential(1), "p99", q(T[k], .99).toExponential(1), "max", q(T[k], 1).toExponential(1), T[k].length);
});
