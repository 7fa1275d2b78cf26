/**
 * Training: tasks, and the decoder's twin in jax-js, which is pretrained, and
 * which learns to do with a small cache by distillation or reinforcement.
 *
 * ```ts ignore
 * import { lemmaChain, lemmaChainConfig, pretrain } from "@gkv/gkv/train";
 *
 * await pretrain({
 *   task: lemmaChain,
 *   config: lemmaChainConfig,
 *   out: "base",
 *   seed: 1,
 *   tokens: 1e6,
 *   batchTokens: 1920,
 *   learningRate: { peak: 2e-3, warmUp: 100, decay: 0.4, floor: 0.01 },
 *   lifetimes: 0,
 *   level: 0,
 *   workers: 2,
 *   saveEvery: 50,
 *   resume: false,
 * });
 * ```
 *
 * @module
 */
export * from "./adamw.ts";
export * from "./checkpoint.ts";
export * from "./curriculum.ts";
export * from "./distill.ts";
export * from "./export.ts";
export * from "./grpo.ts";
export * from "./initial.ts";
export * from "./lifetimes.ts";
export * from "./masks.ts";
export * from "./pretrain.ts";
export * from "./random.ts";
export * from "./rollout.ts";
export type { LogEntry } from "./run_folder.ts";
export * from "./safetensors.ts";
export {
  type AdvantageOptions,
  advantagesOf,
  type Reward,
  type RewardRule,
  rewardsOf,
  type Sample,
} from "./samples.ts";
export * from "./tasks/lemma_chain.ts";
export * from "./tasks/task.ts";
export { parametersOfRun, type TrainerOptions } from "./trainer.ts";
export * from "./twin_config.ts";
