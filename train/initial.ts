import { Random } from "./random.ts";
import {
  type Parameter,
  parametersOf,
  type TwinConfig,
} from "./twin_config.ts";

/**
 * Parameters to begin with: norms are 1, matrices normal with the deviation
 * `1 / sqrt(inputs)`, those that add to the residual stream smaller by
 * `sqrt(2 layers)` (GPT-2's rule), the embedding 0.08.
 */
export function initialParameters(
  config: TwinConfig,
  seed: number,
): Float32Array<ArrayBuffer> {
  const random = new Random(seed);
  const parameters = parametersOf(config);
  const { offset, size } = parameters.at(-1)!;
  const values = new Float32Array(offset + size);
  for (const parameter of parameters) {
    const { offset, size } = parameter;
    const slice = values.subarray(offset, offset + size);
    const deviation = deviationOf(parameter, config);
    if (deviation === undefined) slice.fill(1);
    else for (let i = 0; i < size; i++) slice[i] = deviation * random.normal();
  }
  return values;
}

function deviationOf(
  { name, shape }: Parameter,
  { layers }: TwinConfig,
): number | undefined {
  if (shape.length === 1) return undefined;
  if (name.includes("embed_tokens")) return 0.08;
  const addsToStream = /o_proj|down_proj/.test(name);
  return 1 / Math.sqrt(shape[0]! * (addsToStream ? 2 * layers : 1));
}
