import { assertRejects } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import type { Backend } from "../../kernels/backend.ts";
import { testAgreement } from "./agree.ts";
import { outliers } from "./numbers.ts";
import { places } from "./places.ts";
import { attention } from "./scenarios/attention.ts";
import { eviction } from "./scenarios/eviction.ts";
import { shuffled } from "./scenarios/layer.ts";
import { selection } from "./scenarios/selection.ts";
import { visiting } from "./visiting.ts";

testAgreement(attention);
testAgreement(eviction);
testAgreement(selection);

/** Two query heads, two keys and two values of three tokens, side by side. */
const shape = [3, 6, 8];
/** Tokens that are used; the last one must not be looked at. */
const used = 2;
const perToken = 6 * 8;

Deno.test("append() and attention() refuse one NaN or infinity anywhere", async () => {
  const reference = await openBackend({ backend: "reference" });
  for (const place of [reference, ...places]) {
    await visiting(place, async (backend) => {
      const use = userOf(backend);
      for (let at = 0; at < used * perToken; at++) {
        const name = ["q", "k", "v"][Math.floor(at % perToken / 16)];
        const data = outliers(3 * perToken, 1);
        data[at] = [NaN, Infinity, -Infinity][at % 3];
        await assertRejects(() => use(data), RangeError, `Cannot use ${name}:`);
      }
      const data = outliers(3 * perToken, 1);
      await use(data.fill(NaN, used * perToken));
    });
  }
});

/** Puts tokens into a cache and attends with them. */
function userOf(backend: Backend): (data: Float32Array) => Promise<void> {
  const cache = shuffled(backend, 40, { headDim: 8 });
  const fused = backend.tensor(shape);
  const out = backend.tensor([3, 2, 8]);
  const [q, k, v] = [0, 2, 4].map((h) => backend.slice(fused, h, h + 2));
  return async (data) => {
    backend.write(fused, data);
    backend.append(cache, k, v, used, 7, 100, ["k", "v"]);
    backend.attention(q, cache, out, used, 9, "q");
    await backend.read(out);
  };
}
