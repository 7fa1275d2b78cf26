import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { wilson } from "../../../model/evaluation/wilson.ts";

Deno.test("wilson() gives the intervals of Newcombe 1998, table I", () => {
  const known: [number, number, number, number][] = [
    [81, 263, 0.2553, 0.3662],
    [15, 148, 0.0624, 0.1605],
    [0, 20, 0, 0.1611],
    [1, 29, 0.0061, 0.1718],
  ];
  for (const [right, n, least, greatest] of known) {
    const found = wilson(right / n, n);
    assertAlmostEquals(found[0], least, 5e-5);
    assertAlmostEquals(found[1], greatest, 5e-5);
  }
});

Deno.test("wilson() is the same for failures, seen from the other side", () => {
  for (const right of [0, 3, 12, 20]) {
    const [least, greatest] = wilson(right / 20, 20);
    const [other, another] = wilson(1 - right / 20, 20);
    assertAlmostEquals(least, 1 - another, 1e-12);
    assertAlmostEquals(greatest, 1 - other, 1e-12);
  }
  assertEquals(wilson(1, 20)[1], 1);
});

Deno.test("wilson() refuses what is no share and no trial", () => {
  for (const [share, n] of [[-0.1, 5], [1.1, 5], [NaN, 5], [0, 0]]) {
    assertThrows(() => wilson(share!, n!), RangeError, "interval of share");
  }
});
