/**
 * Training: tasks, the decoder's twin in jax-js, and what trains it.
 *
 * @module
 */
export * from "./adamw.ts";
export * from "./checkpoint.ts";
export * from "./crew.ts";
export * from "./curriculum.ts";
export * from "./curves.ts";
export * from "./distill.ts";
export * from "./export.ts";
export * from "./grpo.ts";
export * from "./initial.ts";
export * from "./learner.ts";
export * from "./lifetimes.ts";
export * from "./masks.ts";
export * from "./objectives.ts";
export * from "./panels.ts";
export * from "./pretrain.ts";
export * from "./random.ts";
export * from "./rollout.ts";
export * from "./run_folder.ts";
export * from "./safetensors.ts";
export * from "./sample_batches.ts";
export * from "./samples.ts";
export * from "./tasks/lemma_chain.ts";
export * from "./tasks/task.ts";
export * from "./trainer.ts";
export * from "./twin.ts";
export * from "./twin_config.ts";
