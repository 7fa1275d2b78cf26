import { assert, assertEquals, assertThrows } from "@std/assert";
import { openBackend } from "../../../kernels/open.ts";
import type { Backend } from "../../../kernels/backend.ts";
import {
  Sampler,
  type SamplerOptions,
} from "../../../model/sampling/sampler.ts";
import { filled, outliers } from "../../kernels/numbers.ts";

/** Draws from the same logits over and over. */
async function draws(
  backend: Backend,
  logits: ArrayLike<number>,
  options: SamplerOptions,
  count: number,
  seen: number[] = [],
): Promise<number[]> {
  const sampler = new Sampler(logits.length, options);
  for (const id of seen) sampler.see(id);
  const out = backend.tensor([1, count], "i32");
  for (let i = 0; i < count; i++) {
    const tensor = filled(backend, [1, logits.length], logits);
    await sampler.choose(backend, tensor, backend.slice(out, i, i + 1), i);
    backend.free(tensor);
  }
  return [...await backend.read(out)];
}

/** Logits whose softmax is the given distribution. */
const logs = (...shares: number[]) => shares.map(Math.log);

Deno.test("Sampler takes the likeliest token at temperature 0", async () => {
  using backend = await openBackend();
  assertEquals(await draws(backend, [1, 5, 5, 2], {}, 3), [1, 1, 1]);
});

Deno.test("Sampler draws in proportion to the softmax", async () => {
  using backend = await openBackend();
  const shares = [0.5, 0.3, 0.15, 0.05];
  const options = { temperature: 1, seed: 7 };
  const ids = await draws(backend, logs(...shares), options, 4000);
  for (const [id, share] of shares.entries()) {
    const seen = ids.filter((other) => other === id).length / ids.length;
    // Three standard deviations of a share of 4,000 draws.
    assert(Math.abs(seen - share) < 0.024, `${id}: ${seen}`);
  }
});

Deno.test("Sampler's temperature sharpens and flattens", async () => {
  using backend = await openBackend();
  const likeliest = async (temperature: number) => {
    const options = { temperature, seed: 1 };
    const ids = await draws(backend, logs(0.6, 0.4), options, 1000);
    return ids.filter((id) => id === 0).length;
  };
  assert(await likeliest(0.1) > 950);
  const flat = await likeliest(100);
  assert(flat > 430 && flat < 570);
});

Deno.test("Sampler truncates by topK, topP and minP", async () => {
  using backend = await openBackend();
  const logits = logs(0.1, 0.4, 0.05, 0.3, 0.15);
  const cases: [SamplerOptions, number[]][] = [
    [{ topK: 2 }, [1, 3]],
    [{ topP: 0.69 }, [1, 3]],
    [{ topP: 0.71 }, [1, 3, 4]],
    [{ topP: 1e-9 }, [1]],
    [{ minP: 0.3 }, [1, 3, 4]],
    [{ topK: 3, topP: 0.45 }, [1]],
    [{ topK: 4, topP: 0.99, minP: 0.3 }, [1, 3, 4]],
    [{}, [0, 1, 2, 3, 4]],
  ];
  for (const [options, expected] of cases) {
    const settings = { temperature: 1, seed: 3, ...options };
    const ids = new Set(await draws(backend, logits, settings, 500));
    assertEquals([...ids].sort(), expected, JSON.stringify(options));
  }
});

Deno.test("Sampler truncates a flat vocabulary exactly", async () => {
  using backend = await openBackend();
  // Every token is far below any share that is tried first.
  const logits = Array.from({ length: 5000 }, (_, i) => i === 9 ? 20 : 0);
  const options = { temperature: 1, topK: 40, seed: 2 };
  const ids = await draws(backend, logits, options, 300);
  const allowed = new Set([9, ...Array.from({ length: 40 }, (_, i) => i)]);
  assert(ids.every((id) => allowed.has(id)));
});

Deno.test("Sampler repeats its draws for a seed and not for another", async () => {
  using backend = await openBackend();
  const logits = outliers(1000, 1);
  const run = (seed: number) =>
    draws(backend, logits, { temperature: 2, topP: 0.95, seed }, 50);
  assertEquals(await run(5), await run(5));
  assert((await run(5)).join() !== (await run(6)).join());
});

Deno.test("Sampler penalises what was seen, whatever its sign", async () => {
  using backend = await openBackend();
  const penalised = { repetitionPenalty: 2 };
  assertEquals(await draws(backend, [4, 3], penalised, 1, [0]), [1]);
  assertEquals(await draws(backend, [-2, -3], penalised, 1, [0]), [1]);
  assertEquals(await draws(backend, [4, 3], penalised, 1), [0]);
});

Deno.test("Sampler refuses options out of range", () => {
  const cases: SamplerOptions[] = [
    { temperature: -1 },
    { temperature: NaN },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: 2 },
    { repetitionPenalty: 0 },
  ];
  for (const options of cases) {
    const [name] = Object.keys(options);
    assertThrows(() => new Sampler(4, options), RangeError, name);
  }
});
