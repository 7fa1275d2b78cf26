/**
 * What a page does with WebGPU, bundled for it: no `Deno.*`.
 *
 * @module
 */
import type { GpuOptions } from "../../gpu/device.ts";
import { GpuBackend } from "../../gpu/backend.ts";
import { openBackend } from "../../kernels/open.ts";
import { type Deviation, type Golden, replay } from "../../scripts/golden.ts";
import { attention } from "../kernels/scenarios/attention.ts";
import { decoder } from "../kernels/scenarios/decoder.ts";
import { eviction } from "../kernels/scenarios/eviction.ts";
import { linear } from "../kernels/scenarios/linear.ts";
import {
  compare,
  type Comparison,
  type Suite,
} from "../kernels/scenarios/scenario.ts";
import { sampling } from "../kernels/scenarios/sampling.ts";
import { selection } from "../kernels/scenarios/selection.ts";
import { tokensOn } from "./tiny.ts";

/** Ops whose kernels reduce over a workgroup, by subgroups where there are. */
const reducing: Suite = { ...decoder, ...sampling, ...selection };

const suites: Readonly<Record<"all" | "reducing", Suite>> = {
  all: { ...reducing, ...attention, ...eviction, ...linear },
  reducing,
};

let backend: GpuBackend | undefined;

/** Opens what the functions below use; compiling takes SwiftShader a while. */
export async function open(options: GpuOptions): Promise<string> {
  backend?.[Symbol.dispose]();
  backend = await GpuBackend.open(options) ?? undefined;
  return backend?.name ?? "none";
}

/** SwiftShader is slow: of many cases every so manyth; Deno runs all. */
const EVERY = 3;

function* some<T>(cases: Iterable<T>): Iterable<T> {
  let i = 0;
  for (const one of cases) if (i++ % EVERY === 0) yield one;
}

/** Scenarios of some ops, each in a few cases, on WebGPU and on the reference. */
export async function compareAll(
  which: keyof typeof suites,
): Promise<Comparison[]> {
  const found: Comparison[] = [];
  for (
    const [title, scenarios] of Object.entries(suites[which])
  ) {
    for await (const comparison of compare(some(scenarios()), [backend!])) {
      found.push({ ...comparison, name: `${title}: ${comparison.name}` });
    }
  }
  return found;
}

/** A golden decode on WebGPU. */
export async function replayGolden(golden: Golden): Promise<Deviation> {
  return await replay(backend!, golden);
}

/** Greedy tokens on WebGPU; the device may be destroyed after some of them. */
export async function generate(
  count: number,
  destroyAfter: number = Infinity,
): Promise<number[]> {
  return await tokensOn(backend!, count, (made) => {
    if (made === destroyAfter) backend!.device.destroy();
  });
}

/** What `openBackend()` takes without being told. */
export async function chosen(): Promise<string> {
  using backend = await openBackend();
  return backend.name;
}

/** Whether the adapter has a feature. */
export async function has(feature: GPUFeatureName): Promise<boolean> {
  const adapter = await navigator.gpu?.requestAdapter();
  return adapter?.features.has(feature) ?? false;
}
