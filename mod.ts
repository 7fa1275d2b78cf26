/**
 * Decode with a large language model inside a fixed memory budget.
 *
 * The KV cache never outgrows its budget: tokens are evicted by G-KV's global
 * score (arXiv 2512.00504) or another method. Kernels are AssemblyScript SIMD
 * in WebAssembly.
 *
 * @module
 */
export * from "./kernels/open.ts";
export type * from "./kernels/backend.ts";
export type * from "./kernels/layer_cache.ts";
export type * from "./kernels/ops.ts";
export type * from "./kernels/selection.ts";
export type * from "./kernels/tensors.ts";
export type { WasmBuild, WasmOptions } from "./wasm/kernels.ts";
export * from "./cache/cache.ts";
export * from "./cache/pool.ts";
export type {
  Boundary,
  CacheStats,
  KVCacheOptions,
  Phase,
  RotaryEmbedding,
} from "./cache/options.ts";
export * from "./cache/policies/mod.ts";
export type { Budget } from "./cache/budget.ts";
export type { CacheShape } from "./cache/layer.ts";
export type { Policy, ScoreRule } from "./cache/policy.ts";
export type {
  ScoreContext,
  Scored,
  Scorer,
  ScoreSource,
} from "./cache/scorer.ts";
export type { EvictionRecord } from "./cache/record.ts";
export { SnapshotError } from "./cache/snapshot/error.ts";
export type {
  ForkOptions,
  RestoreOptions,
  SaveOptions,
} from "./cache/snapshot/options.ts";
export * from "./model/tokenizer/chat.ts";
export * from "./model/checkpoint/checkpoint.ts";
export type { StoredType } from "./kernels/stored.ts";
export { Decoder, type Stretch } from "./model/decoder.ts";
export * from "./model/checkpoint/error.ts";
export * from "./model/model.ts";
export * from "./model/checkpoint/open.ts";
export type { SamplerOptions } from "./model/sampling/sampler.ts";
export type {
  GenerateOptions,
  Generation,
  StopReason,
} from "./model/generation.ts";
export type { EngineHost } from "./model/engine_host.ts";
export type {
  RestoreSessionOptions,
  SessionOptions,
  WaitingSessionOptions,
} from "./model/session_options.ts";
export type { PromptParts } from "./model/prompt.ts";
export * from "./model/batch.ts";
export * from "./model/session.ts";
export { DeviceLostError, GpuMemoryError } from "./gpu/error.ts";
export type { GpuFeatures, GpuOptions } from "./gpu/device.ts";
export type { GpuCounts } from "./gpu/queue.ts";
export { Engine } from "./model/engine.ts";
export * from "./model/checkpoint/source.ts";
export * from "./model/tokenizer/text_stream.ts";
export * from "./model/tokenizer/tokenizer.ts";
export {
  type BlockWeights,
  type LoadOptions,
  type LoadProgress,
  type ModelWeights,
} from "./model/weights.ts";
