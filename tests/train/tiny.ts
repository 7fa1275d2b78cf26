import type { TwinConfig } from "../../train/twin_config.ts";

/** A decoder that is traced in a second. */
export const tinyConfig: TwinConfig = {
  layers: 2,
  embedding: 16,
  feedForward: 24,
  queryHeads: 4,
  kvHeads: 2,
  headDim: 8,
  vocabulary: 48,
  base: 10_000,
  rmsEpsilon: 1e-6,
  contextLength: 512,
};
