import type { GpuKernel } from "../../gpu/kernel.ts";
import { addKernel } from "./add.ts";
import { addNormKernels } from "./add_norm.ts";
import { appendKernel } from "./append.ts";
import { argmaxKernels } from "./argmax.ts";
import { assertFiniteKernel } from "./assert_finite.ts";
import { attentionKernels } from "./attention.ts";
import { compactKernel } from "./compact.ts";
import { copyKernel } from "./copy.ts";
import { embedKernels } from "./embed.ts";
import { gatherKernel } from "./gather.ts";
import { linearKernels } from "./linear.ts";
import { mergeHistoryKernel } from "./merge_history.ts";
import { mixScoresKernel } from "./mix_scores.ts";
import { normaliseKernel } from "./normalise.ts";
import { orderKernels } from "./order.ts";
import { packKernel } from "./pack.ts";
import { poolKernel } from "./pool.ts";
import { protectKernel } from "./protect.ts";
import { recencyKernel } from "./recency.ts";
import { redundancyKernels } from "./redundancy.ts";
import { rmsNormKernels } from "./rms_norm.ts";
import { ropeKernel } from "./rope.ts";
import { softmaxKernels } from "./softmax.ts";
import { swigluKernel } from "./swiglu.ts";
import { topKKernel } from "./top_k.ts";
import { windowScoresKernels } from "./window_scores.ts";

/** All kernels, to be compiled ahead. */
export const gpuKernels: readonly GpuKernel[] = [
  addKernel,
  ...addNormKernels,
  appendKernel,
  ...argmaxKernels,
  assertFiniteKernel,
  ...attentionKernels,
  compactKernel,
  copyKernel,
  ...embedKernels,
  gatherKernel,
  ...linearKernels,
  mergeHistoryKernel,
  mixScoresKernel,
  normaliseKernel,
  ...orderKernels,
  packKernel,
  poolKernel,
  protectKernel,
  recencyKernel,
  ...redundancyKernels,
  ...rmsNormKernels,
  ropeKernel,
  ...softmaxKernels,
  swigluKernel,
  topKKernel,
  ...windowScoresKernels,
];
