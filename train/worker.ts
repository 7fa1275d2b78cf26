/**
 * A worker of a crew: its first message says what it trains, every other one
 * is a batch, which it answers with what it learnt or predicts.
 *
 * @module
 */
import { type Batch, type Learner, makeLearner } from "./learner.ts";
import type { ObjectiveName } from "./objectives.ts";
import type { TwinConfig } from "./twin_config.ts";

/** What a worker trains. */
export interface Opening {
  readonly config: TwinConfig;
  readonly objective: ObjectiveName;
}

/** A worker's part of a batch, and the parameters of the step. */
export interface Assignment {
  readonly wanted: "lecture" | "logits";
  readonly parameters: Float32Array<ArrayBuffer>;
  readonly batch: Batch;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Opening | Assignment>) => void;
  postMessage(message: unknown): void;
};

let learner: Promise<Learner> | undefined;

scope.onmessage = async ({ data }) => {
  if ("config" in data) learner = makeLearner(data.config, data.objective);
  else {
    const { learn, logits } = await learner!;
    const answer = data.wanted === "lecture" ? learn : logits;
    scope.postMessage(answer(data.parameters, data.batch));
  }
};
