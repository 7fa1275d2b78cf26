import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { loadState } from "../../train/checkpoint.ts";
import { pretrain, type PretrainOptions } from "../../train/pretrain.ts";
import { lemmaChain } from "../../train/tasks/lemma_chain.ts";
import { tinyConfig } from "./tiny.ts";

const batchTokens = 4 * 96;

function optionsOf(out: string, steps: number): PretrainOptions {
  return {
    task: lemmaChain,
    config: tinyConfig,
    out,
    seed: 3,
    tokens: 8 * batchTokens,
    batchTokens,
    workers: 0,
    learningRate: { peak: 0.01, warmUp: 2, decay: 0.4, floor: 0.01 },
    lifetimes: 0.5,
    level: 0,
    resume: false,
    saveEvery: steps,
  };
}

interface Line {
  step: number;
  loss: number;
  masked: boolean;
}

async function logOf(folder: string): Promise<Line[]> {
  const text = await Deno.readTextFile(`${folder}/log.jsonl`);
  return text.trim().split("\n").map((line) => JSON.parse(line));
}

/** What does not depend on the clock. */
const timeless = (lines: Line[]) =>
  lines.map((line) => ({ ...line, tokensPerSecond: 0 }));

/** Ends a training as its process would be: without a word. */
async function trainBriefly(options: PretrainOptions): Promise<void> {
  const controller = new AbortController();
  const watcher = Deno.watchFs(options.out);
  const training = pretrain({ ...options, signal: controller.signal });
  for await (const { paths } of watcher) {
    if (paths.some((path) => path.endsWith("state.safetensors"))) break;
  }
  controller.abort();
  await training;
}

Deno.test("pretrain() lowers the loss, and a resumed run equals an unbroken one", async () => {
  const [whole, broken] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    const parameters = await pretrain(optionsOf(whole, 100));
    const lines = await logOf(whole);
    assertEquals(lines.length, 8);
    assertLess(lines.at(-1)!.loss, lines[0]!.loss - 0.2);
    assert(lines.some(({ masked }) => masked));
    assert(lines.some(({ masked }) => !masked));

    await trainBriefly(optionsOf(broken, 2));
    const { progress } = await loadState<{ step: number }>(
      `${broken}/state.safetensors`,
    );
    assertLess(progress.step, 8);
    // Lines after the state are those of steps that were lost.
    await Deno.writeTextFile(
      `${broken}/log.jsonl`,
      `{"step":${progress.step + 1},"tokens":0,"loss":9}\n{"step"`,
      { append: true },
    );
    const resumed = await pretrain({
      ...optionsOf(broken, 100),
      resume: true,
    });
    assertEquals(resumed, parameters);
    assertEquals(timeless(await logOf(broken)), timeless(lines));
    for (const file of ["curves.svg", "model/config.json"]) {
      assertGreater((await Deno.stat(`${broken}/${file}`)).size, 100);
    }
  } finally {
    await Deno.remove(whole, { recursive: true });
    await Deno.remove(broken, { recursive: true });
  }
});

Deno.test("pretrain() goes on from another run's parameters", async () => {
  const [first, second] = [await Deno.makeTempDir(), await Deno.makeTempDir()];
  try {
    const options = { ...optionsOf(first, 100), tokens: batchTokens };
    const parameters = await pretrain(options);
    const none = { ...options, out: second, from: first, tokens: 0 };
    assertEquals(await pretrain(none), parameters);
  } finally {
    await Deno.remove(first, { recursive: true });
    await Deno.remove(second, { recursive: true });
  }
});
