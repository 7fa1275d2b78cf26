import { assertEquals } from "@std/assert";
import { testAgreement } from "./agree.ts";
import { noise } from "./numbers.ts";
import { places } from "./places.ts";
import { linear } from "./scenarios/linear.ts";
import { randomWeight, storedTypes } from "./weights.ts";

testAgreement(linear);

Deno.test("linear() gives several tokens on the CPU what each gets alone", async () => {
  const [rows, columns, n] = [43, 96, 7];
  for (const backend of places.filter(({ name }) => name.startsWith("wasm"))) {
    for (const type of storedTypes) {
      const weight = randomWeight(backend, columns, [{ type, rows }]);
      const x = noise(backend, [n, columns], 2);
      const [together, alone] = [1, 2].map(() => backend.tensor([n, rows]));
      backend.linear(x, weight, together, n);
      for (let i = 0; i < n; i++) {
        const [from, to] = [x, alone].map((t) => backend.rows(t, i, i + 1));
        backend.linear(from, weight, to, 1);
      }
      const [a, b] = [await backend.read(together), await backend.read(alone)];
      assertEquals(a, b, `${backend.name} ${type}`);
      for (const used of [weight, x, together, alone]) backend.free(used);
    }
  }
});
