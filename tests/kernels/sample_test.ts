import { assert, assertEquals } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { testAgreement } from "./agree.ts";
import { outliers } from "./numbers.ts";
import { places } from "./places.ts";
import { draws, sampling, samplings } from "./scenarios/sampling.ts";
import { visiting } from "./visiting.ts";

testAgreement(sampling);

/** Logits as a model's are: a few tokens have most of the weight. */
const logits = outliers(9001, 3).map((x) => 2 * x);
const count = 60;

Deno.test("sample() draws of a large vocabulary as the reference but for rounding", async () => {
  using reference = await openBackend({ backend: "reference" });
  for (const place of places) {
    let equal = 0;
    for (const sampling of samplings) {
      const [expected, actual] = await Promise.all(
        [reference, place].map((backend) =>
          visiting(
            backend,
            async (noting) =>
              await noting.read(draws(noting, logits, sampling, count)),
          )
        ),
      );
      equal += actual.filter((id, i) => id === expected[i]).length;
    }
    const share = equal / (count * samplings.length);
    assert(share >= 0.995, `${place.name}: ${share}`);
  }
});

Deno.test("sample() draws in proportion to the weights", async () => {
  const shares = [0.5, 0.3, 0.15, 0.05];
  for (const place of places) {
    const counts = [0, 0, 0, 0];
    const ids = await visiting(
      place,
      async (backend) =>
        await backend.read(
          draws(backend, shares.map(Math.log), samplings[0], 1000),
        ),
    );
    for (const id of ids) counts[id]++;
    assertEquals(counts.length, 4);
    for (const [id, share] of shares.entries()) {
      // Three standard deviations of a share of 1,000 draws.
      const error = Math.abs(counts[id] / 1000 - share);
      assert(error < 0.048, `${place.name}: ${id} off by ${error}`);
    }
  }
});
