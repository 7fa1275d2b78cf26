// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

export { add, copy } from "./add";
export { append } from "./append";
export { argmax } from "./argmax";
export { attention } from "./attention";
export { compact } from "./compact";
export { embed } from "./embed";
export { finite } from "./finite";
export { gather } from "./gather";
export { linear } from "./linear";
export { mergeHistory } from "./merge_history";
export { mixScores } from "./mix_scores";
export { normalise } from "./normalise";
export { order } from "./order";
export { pack } from "./pack";
export { pool } from "./pool";
export { protect } from "./protect";
export { recency } from "./recency";
export { redundancy } from "./redundancy";
export { rmsNorm } from "./rms_norm";
export { rope } from "./rope";
export { softmax } from "./softmax";
export { swiglu } from "./swiglu";
export { topK } from "./top_k";
export { windowScores } from "./window_scores";
