import type { Backend } from "../../../kernels/backend.ts";
import type { Tensor } from "../../../kernels/tensors.ts";
import { ReferenceBackend } from "../../../kernels/reference/backend.ts";
import { relativeError } from "../numbers.ts";
import { visiting } from "../visiting.ts";

/** A computation whose result is the same on every backend. */
export interface Scenario {
  /** Which case of several. */
  readonly name?: string;
  /** Largest error, relative to the largest value of the result. */
  readonly tolerance: number;
  readonly run: (backend: Backend) => Tensor | Promise<Float32Array>;
  /** Takes away differences that do not matter. */
  readonly arrange?: (
    numbers: Float32Array | Int32Array,
  ) => ArrayLike<number>;
}

/** Scenarios by what they show: a test each, in Deno or in a page. */
export type Suite = Readonly<Record<string, () => Iterable<Scenario>>>;

/** How far one backend is from the reference in one scenario. */
export interface Comparison {
  readonly name: string;
  readonly error: number;
  readonly tolerance: number;
}

/** Runs scenarios on the reference and on backends, and compares. */
export async function* compare(
  scenarios: Iterable<Scenario>,
  backends: readonly Backend[],
): AsyncGenerator<Comparison> {
  const reference: Backend = new ReferenceBackend();
  for (const scenario of scenarios) {
    const { name = "", tolerance } = scenario;
    const expected = await resultOn(reference, scenario);
    for (const backend of backends) {
      const actual = await resultOn(backend, scenario);
      const error = relativeError(actual, expected);
      yield { name: `${name} on ${backend.name}`, error, tolerance };
    }
  }
}

function resultOn(
  backend: Backend,
  { run, arrange = (numbers) => numbers }: Scenario,
): Promise<ArrayLike<number>> {
  return visiting(
    backend,
    async (noting) => {
      const result = await run(noting);
      return arrange("dtype" in result ? await noting.read(result) : result);
    },
  );
}
