import { assert } from "@std/assert";
import { places } from "./places.ts";
import { compare, type Suite } from "./scenarios/scenario.ts";

/** A test for each of a suite's: the reference and every place agree. */
export function testAgreement(suite: Suite): void {
  for (const [title, scenarios] of Object.entries(suite)) {
    Deno.test(title, async () => {
      for await (
        const { name, error, tolerance } of compare(scenarios(), places)
      ) {
        assert(error <= tolerance, `${name}: error ${error}`);
      }
    });
  }
}
