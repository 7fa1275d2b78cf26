import type { GpuKernel } from "../../gpu/kernel.ts";
import { addKernel } from "./add.ts";
import { addNormKernels } from "./add_norm.ts";
import { appendKernel } from "./append.ts";
import { argmaxKernels } from "./argmax.ts";
import { attentionKernels } from "./attention.ts";
import { compactKernel } from "./compact.ts";
import { copyKernel } from "./copy.ts";
import { embedKernels } from "./embed.ts";
import { linearKernels } from "./linear.ts";
import { orderKernels } from "./order.ts";
import { packKernel } from "./pack.ts";
import { recencyKernel } from "./recency.ts";
import { redundancyKernels } from "./redundancy.ts";
import { rmsNormKernels } from "./rms_norm.ts";
import { ropeKernel } from "./rope.ts";
import { selectKernel } from "./select.ts";
import { sampleKernel } from "./sample.ts";
import { softmaxKernels } from "./softmax.ts";
import { swigluKernel } from "./swiglu.ts";
import { windowScoresKernels } from "./window_scores.ts";

/** All kernels, to be compiled ahead. */
export const gpuKernels: readonly GpuKernel[] = [
  addKernel,
  ...addNormKernels,
  appendKernel,
  ...argmaxKernels,
  ...attentionKernels,
  compactKernel,
  copyKernel,
  ...embedKernels,
  ...linearKernels,
  ...orderKernels,
  packKernel,
  recencyKernel,
  ...redundancyKernels,
  ...rmsNormKernels,
  ropeKernel,
  selectKernel,
  sampleKernel,
  ...softmaxKernels,
  swigluKernel,
  ...windowScoresKernels,
];
