// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

export { add, copy } from "./add.ts";
export { append } from "./append.ts";
export { argmax } from "./argmax.ts";
export { attention } from "./attention.ts";
export { compact } from "./compact.ts";
export { embed } from "./embed.ts";
export { finite } from "./finite.ts";
export { gather } from "./gather.ts";
export { linear } from "./linear.ts";
export { mergeHistory } from "./merge_history.ts";
export { mixScores } from "./mix_scores.ts";
export { normalise } from "./normalise.ts";
export { order } from "./order.ts";
export { pack } from "./pack.ts";
export { pool } from "./pool.ts";
export { protect } from "./protect.ts";
export { recency } from "./recency.ts";
export { redundancy } from "./redundancy.ts";
export { rmsNorm } from "./rms_norm.ts";
export { rope } from "./rope.ts";
export { softmax } from "./softmax.ts";
export { swiglu } from "./swiglu.ts";
export { topK } from "./top_k.ts";
export { windowScores } from "./window_scores.ts";
