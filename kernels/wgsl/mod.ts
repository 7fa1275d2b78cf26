import type { GpuKernel } from "../../gpu/kernel.ts";
import { addKernel } from "./add.ts";
import { addNormKernels } from "./add_norm.ts";
import { appendKernels } from "./append.ts";
import { argmaxKernels } from "./argmax.ts";
import { attentionKernels } from "./attention.ts";
import { compactKernels } from "./compact.ts";
import { copyKernel } from "./copy.ts";
import { embedKernels } from "./embed.ts";
import { keydiffKernels } from "./keydiff.ts";
import { linearKernels } from "./linear.ts";
import { orderKernels } from "./order.ts";
import { packKernel } from "./pack.ts";
import { randomKernel } from "./random.ts";
import { recencyKernel } from "./recency.ts";
import { redundancyKernels } from "./redundancy.ts";
import { repositionKernels } from "./reposition.ts";
import { rmsNormKernels } from "./rms_norm.ts";
import { ropeKernel } from "./rope.ts";
import { selectKernel } from "./select.ts";
import { sampleKernel } from "./sample.ts";
import { softmaxKernels } from "./softmax.ts";
import { swigluKernel } from "./swiglu.ts";
import { tallyScoresKernel } from "./tally_scores.ts";
import { windowScoresKernels } from "./window_scores.ts";

/** All kernels, to be compiled ahead. */
export const gpuKernels: readonly GpuKernel[] = [
  addKernel,
  ...addNormKernels,
  ...Object.values(appendKernels),
  ...argmaxKernels,
  ...attentionKernels,
  ...Object.values(compactKernels),
  copyKernel,
  ...embedKernels,
  ...Object.values(keydiffKernels),
  ...linearKernels,
  ...orderKernels,
  packKernel,
  randomKernel,
  recencyKernel,
  ...redundancyKernels,
  ...Object.values(repositionKernels),
  ...rmsNormKernels,
  ropeKernel,
  selectKernel,
  sampleKernel,
  ...softmaxKernels,
  swigluKernel,
  tallyScoresKernel,
  ...windowScoresKernels,
];
