import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import {
  full,
  gkv,
  policies,
  snapkv,
  streaming,
} from "../../../cache/policies/mod.ts";
import { openBackend } from "../../../kernels/open.ts";
import type { Backend } from "../../../kernels/backend.ts";
import { bufferSource } from "../../../model/checkpoint/source.ts";
import { klDivergence } from "../../../model/evaluation/distribution.ts";
import {
  fidelity,
  type FidelityOptions,
  type Variant,
} from "../../../model/evaluation/fidelity.ts";
import { loadModel, type Model } from "../../../model/model.ts";
import { tinyGguf } from "../fixtures.ts";

const text = Array.from({ length: 200 }, (_, i) => 10 + (i * i * 37) % 230);

/** A tiny model, for as long as a test lasts. */
async function withModel(
  test: (model: Model, backend: Backend) => Promise<void>,
): Promise<void> {
  using backend = await openBackend({ backend: "wasm" });
  const file = bufferSource("tiny.gguf", tinyGguf());
  using model = await loadModel([file], { backend });
  await test(model, backend);
}

/** A method with a budget of 32 tokens and evictions often enough. */
function small(policy: Variant["policy"], tokens = 32): Variant {
  return {
    policy: { ...policy, interval: 16 },
    budget: { tokens },
    dtype: "f32",
  };
}

Deno.test("fidelity() finds nothing lost with a budget beyond the text", () =>
  withModel(async (model) => {
    const variants = Object.values(policies).map((policy) =>
      small(policy(), 200)
    );
    const { reference, variants: results } = await fidelity(
      model,
      text,
      variants,
      { prompt: 20 },
    );
    assertEquals([reference.positions, reference.divergence], [179, 0]);
    assertEquals(reference.agreement, 1);
    for (const result of results) {
      assertLess(Math.abs(result.divergence), 1e-6);
      assertEquals([result.agreement, result.evictions], [1, 0]);
      assertAlmostEquals(result.perplexity, reference.perplexity, 1e-2);
    }
  }));

Deno.test("fidelity() agrees with sessions compared position by position", () =>
  withModel(async (model, backend) => {
    const variant = small(gkv());
    const prompt = 30;
    const [ours, truth] = [
      await decode(variant),
      await decode({
        policy: full(),
        budget: { tokens: 200 },
        dtype: "f32",
      }),
    ];
    const divergences = ours.map((row, i) => klDivergence(truth[i], row));
    const mean = divergences.reduce((a, b) => a + b) / divergences.length;
    const { variants: [result] } = await fidelity(model, text, [variant], {
      prompt,
    });
    assertGreater(result.evictions, 8);
    assertGreater(mean, 1e-6);
    assertAlmostEquals(result.divergence, mean, 1e-3 * mean + 1e-7);

    /** Logits at the positions that count. */
    async function decode(options: Variant): Promise<Float32Array[]> {
      using session = model.session(options);
      const { cache } = session;
      model.decoder.forward(text.slice(0, prompt), 0, cache, "promptEnd");
      const rows: Float32Array[] = [];
      for (let at = prompt; at < text.length - 1; at++) {
        model.decoder.forward([text[at]], at, cache, "decode");
        const row = await backend.read(model.decoder.logits(1));
        rows.push(row.slice() as Float32Array);
      }
      return rows;
    }
  }));

Deno.test("fidelity() is the same in one pass and in one for each variant", () =>
  withModel(async (model, backend) => {
    const variants = [
      small(gkv()),
      small(streaming(), 64),
      small(snapkv()),
    ];
    const { used } = backend.memory();
    const once = await fidelity(model, text, variants);
    const often = await fidelity(model, text, variants, { memory: 1 });
    assertEquals(often, once);
    assertEquals(once.variants.map(({ variant }) => variant), variants);
    assertEquals(once.variants.map((r) => r.budgetTokens), [32, 64, 32]);
    assertLess(once.variants[0].bytes, once.reference.bytes);
    // The decoder keeps the room for a chunk's logits.
    const row = model.config.vocabulary * 4;
    assertLess(backend.memory().used - used, 130 * row);
  }));

Deno.test("fidelity() reports progress up to the end", () =>
  withModel(async (model) => {
    const seen: number[] = [];
    let most = 0;
    await fidelity(model, text, [small(gkv()), small(snapkv())], {
      onProgress({ done, total }) {
        seen.push(done);
        most = total;
      },
    });
    assertEquals([seen[0], seen.at(-1), most], [2, 142, 142]);
  }));

Deno.test("fidelity() gives what there is when it is aborted", () =>
  withModel(async (model) => {
    const controller = new AbortController();
    const options: FidelityOptions = {
      memory: 1,
      signal: controller.signal,
      onProgress: ({ done }) => done === 100 && controller.abort(),
    };
    const variants = [small(gkv()), small(snapkv()), small(streaming())];
    const report = await fidelity(model, text, variants, options);
    const positions = report.variants.map((result) => result.positions);
    assertEquals(positions, [71, 29]);
    assertEquals(report.reference.positions, 71);
    await assertRejects(
      () => fidelity(model, text, variants, options),
      DOMException,
      "aborted",
    );
  }));

Deno.test("fidelity() refuses before it measures, and keeps no memory", () =>
  withModel(async (model, backend) => {
    const { used } = backend.memory();
    const tooSmall = [small(gkv()), small(gkv(), 8)];
    const begun = () => assert(false, "it has begun");
    for (
      const [tokens, variants, message] of [
        [text, tooSmall, "at least 17 tokens is needed"],
        [text.slice(0, 129), [small(gkv())], "text of 129 tokens"],
      ] as const
    ) {
      await assertRejects(
        () => fidelity(model, tokens, variants, { onProgress: begun }),
        RangeError,
        message,
      );
    }
    assertEquals(backend.memory().used, used);
  }));
