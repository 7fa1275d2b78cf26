import {
  defaultDevice,
  init,
  jit,
  numpy as np,
  valueAndGrad,
} from "@jax-js/jax";
import { type ObjectiveName, objectives } from "./objectives.ts";
import { type Parameters, twinLogits } from "./twin.ts";
import {
  type Parameter,
  parametersOf,
  type TwinConfig,
} from "./twin_config.ts";

/** Numbers with a shape, which can be sent to a worker. */
export interface Block {
  /** Row after row. */
  readonly data: Float32Array<ArrayBuffer> | Int32Array<ArrayBuffer>;
  /** Outermost first. */
  readonly shape: readonly number[];
}

/**
 * Arrays of a batch by name, the first dimension of each is that of its texts:
 * `ids` and `until` of {@linkcode twinLogits}, and what the objective needs.
 */
export type Batch = Readonly<Record<string, Block>>;

/** What a batch teaches. */
export interface Lecture {
  /** The objective's. */
  readonly loss: number;
  /** Derivative of the loss by every parameter. */
  readonly gradient: Float32Array<ArrayBuffer>;
  /** Figures of every token by name, `[rows * tokens]`. */
  readonly figures: Record<string, Float32Array | Int32Array>;
}

/** What {@linkcode makeLearner} makes. */
export interface Learner {
  /** Loss and its gradient; a batch of a new shape takes seconds to trace. */
  learn(parameters: Float32Array<ArrayBuffer>, batch: Batch): Lecture;
  /** Logits `[rows * tokens, vocabulary]` of a batch of `ids` and `until`. */
  logits(
    parameters: Float32Array<ArrayBuffer>,
    batch: Batch,
  ): Float32Array<ArrayBuffer>;
}

/** Compiles the twin and an objective for the CPU. */
export async function makeLearner(
  config: TwinConfig,
  objective: ObjectiveName,
): Promise<Learner> {
  await init("wasm");
  defaultDevice("wasm");
  const layout = parametersOf(config);
  const forward = jit((parameters: Parameters, { ids, until }: Arrays) =>
    twinLogits(config, parameters, ids!, until!)
  );
  const loss = (parameters: Parameters, arrays: Arrays) => {
    const { ids, until, ...rest } = arrays;
    const logits = twinLogits(config, parameters, ids!, until!);
    const { loss, figures } = objectives[objective](logits, rest);
    return [loss, figures] as [np.Array, Arrays];
  };
  const learn = jit((parameters: Parameters, arrays: Arrays) =>
    valueAndGrad(loss, { hasAux: true })(parameters, arrays)
  );
  return {
    logits: (values, batch) => {
      const result = forward(toParameters(layout, values), toArrays(batch));
      return result.dataSync() as Float32Array<ArrayBuffer>;
    },
    learn: (values, batch) => {
      const result = learn(toParameters(layout, values), toArrays(batch));
      return lectureOf(layout, result as unknown as Result);
    },
  };
}

type Arrays = Record<string, np.Array>;
type Result = [[loss: np.Array, figures: Arrays], gradients: Parameters];

function toParameters(
  layout: Parameter[],
  values: Float32Array<ArrayBuffer>,
): Parameters {
  return Object.fromEntries(layout.map(({ name, shape, offset, size }) => [
    name,
    np.array(values.slice(offset, offset + size), { shape: [...shape] }),
  ]));
}

function toArrays(batch: Batch): Arrays {
  return Object.fromEntries(
    Object.entries(batch).map(([name, { data, shape }]) => {
      const dtype = data instanceof Int32Array ? np.int32 : np.float32;
      return [name, np.array(data, { shape: [...shape], dtype })];
    }),
  );
}

function lectureOf(
  layout: Parameter[],
  [[loss, figures], gradients]: Result,
): Lecture {
  const { offset, size } = layout.at(-1)!;
  const gradient = new Float32Array(offset + size);
  for (const { name, offset } of layout) {
    gradient.set(gradients[name]!.dataSync() as Float32Array, offset);
  }
  const read = Object.entries(figures).map(([name, array]) =>
    [name, array.dataSync() as Float32Array] as const
  );
  return { loss: loss.item(), gradient, figures: Object.fromEntries(read) };
}
