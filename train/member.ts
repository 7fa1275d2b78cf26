import {
  type Batch,
  type Learner,
  type Lecture,
  makeLearner,
} from "./learner.ts";
import type { ObjectiveName } from "./objectives.ts";
import {
  type Drawing,
  type Drawn,
  drawSolutions,
  type Forcing,
  untilEvictedIn,
  withModel,
} from "./rollout.ts";
import type { TwinConfig } from "./twin_config.ts";

/** What a crew trains. */
export interface Opening {
  /** Sizes of the model. */
  readonly config: TwinConfig;
  /** What the loss is. */
  readonly objective: ObjectiveName;
  /** Characters of the task. */
  readonly vocabulary: string;
}

/** Parameters of a step. */
export type Values = Float32Array<ArrayBuffer>;

/** One of a crew, or all of it. It does one thing at a time. */
export interface Member {
  /** The batch's loss, gradient and figures. */
  learn(parameters: Values, batch: Batch): Promise<Lecture>;
  /** Logits `[rows * tokens, vocabulary]` of a batch of `ids` and `until`. */
  logits(parameters: Values, batch: Batch): Promise<Values>;
  /** See {@linkcode untilEvictedIn}. */
  force(parameters: Values, forcing: Forcing): Promise<Int32Array<ArrayBuffer>>;
  /** See {@linkcode drawSolutions}. */
  draw(parameters: Values, drawing: Drawing): Promise<Drawn[]>;
}

/** A member that works in this thread. */
export function makeMember(opening: Opening): Member {
  const { config, objective } = opening;
  let made: Promise<Learner> | undefined;
  const learner = () => made ??= makeLearner(config, objective);
  return {
    learn: async (...asked) => (await learner()).learn(...asked),
    logits: async (...asked) => (await learner()).logits(...asked),
    force: (parameters, forcing) =>
      withModel(
        config,
        parameters,
        opening,
        (model) => untilEvictedIn(model, forcing),
      ),
    draw: (parameters, drawing) =>
      withModel(
        config,
        parameters,
        opening,
        (model) => drawSolutions(model, drawing),
      ),
  };
}
