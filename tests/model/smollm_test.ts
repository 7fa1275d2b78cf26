/**
 * The real SmolLM2-135M-Instruct, generating.
 *
 * @module
 */
import { assertEquals, assertGreater } from "@std/assert";
import { full, gkv } from "../../cache/policies/mod.ts";
import { openBackend } from "../../kernels/open.ts";
import { loadModel } from "../../model/model.ts";

const path = Deno.env.get("GKV_TEST_MODEL");
const ignore = path === undefined;
const why = ignore ? " (skipped: GKV_TEST_MODEL is not set)" : "";

Deno.test({
  name: `SmolLM2 with a budget beyond the text answers as with full${why}`,
  ignore,
  async fn() {
    using backend = await openBackend();
    using model = await loadModel(path!, { backend });
    const answers: number[][] = [];
    for (const policy of [full(), gkv()]) {
      using session = model.session({ policy, budget: { tokens: 300 } });
      const prompt = "Name three primary colours and explain each.";
      for await (const _ of session.generate(prompt, { maxTokens: 200 }));
      answers.push(session.generation!.tokens);
    }
    assertGreater(answers[0].length, 20);
    assertEquals(answers[1], answers[0]);
  },
});

Deno.test({
  name: `SmolLM2 remembers an earlier turn of the chat${why}`,
  ignore,
  async fn() {
    using backend = await openBackend();
    using model = await loadModel(path!, { backend });
    using session = model.session();
    for await (const _ of session.generate("My name is Bartholomew."));
    let answer = "";
    for await (
      const piece of session.generate("What is my name? Answer in one word.")
    ) answer += piece;
    assertEquals(/Bartholomew/.test(answer), true, answer);
  },
});

const adapter = await navigator.gpu?.requestAdapter();
const noGpu = !adapter && Deno.env.get("GKV_REQUIRE_GPU") !== "1";
const whyNot = noGpu ? " (skipped: no WebGPU adapter)" : why;

Deno.test({
  name: `SmolLM2 chooses the same tokens on WebGPU as on wasm${whyNot}`,
  ignore: ignore || noGpu,
  async fn() {
    const answers: number[][] = [];
    for (const backendName of ["wasm", "webgpu"] as const) {
      using backend = await openBackend({ backend: backendName });
      using model = await loadModel(path!, { backend });
      using session = model.session({ budget: { tokens: 128 }, dtype: "f32" });
      const prompt = "Write a story about a lighthouse keeper and a storm.";
      for await (const _ of session.generate(prompt, { maxTokens: 200 }));
      assertGreater(session.cache.stats().evictions, 0);
      answers.push(session.generation!.tokens);
    }
    assertEquals(answers[1], answers[0]);
  },
});
