import { assertAlmostEquals } from "@std/assert";
import { RotaryAngles } from "../../model/rotary.ts";

Deno.test("RotaryAngles turns pair i by position · base^(-2i/headDim)", () => {
  const config = { base: 10_000, pairing: "halves" } as const;
  const out = new Float32Array(2 * 8);
  new RotaryAngles(config, 8).fill(out, 1_000_000, 2);
  for (const [i, position] of [1_000_000, 1_000_001].entries()) {
    for (let pair = 0; pair < 4; pair++) {
      const angle = position * 10_000 ** (-pair / 4);
      assertAlmostEquals(out[8 * i + 2 * pair], Math.cos(angle), 1e-7);
      assertAlmostEquals(out[8 * i + 2 * pair + 1], Math.sin(angle), 1e-7);
    }
  }
});

Deno.test("RotaryAngles divides each frequency by its divisor", () => {
  const divisors = Float64Array.of(1, 8);
  const config = { base: 100, pairing: "halves", divisors } as const;
  const out = new Float32Array(4);
  new RotaryAngles(config, 4).fill(out, 3, 1);
  assertAlmostEquals(out[0], Math.cos(3), 1e-7);
  assertAlmostEquals(out[2], Math.cos(3 * 0.1 / 8), 1e-7);
});
