import { assertEquals, assertThrows } from "@std/assert";
import { type Budget, resolveBudget } from "../../cache/budget.ts";
import { full, gkv, streaming } from "../../cache/policies/mod.ts";
import type { Policy } from "../../cache/policy.ts";

function resolve(budget: Budget, policy: Policy, contextLength?: number) {
  return resolveBudget(budget, { policy, slotBytes: 100, contextLength });
}

const policy = gkv({ window: 8, interval: 32 });

Deno.test("resolveBudget() counts the interval on top of tokens", () => {
  assertEquals(resolve({ tokens: 64 }, policy), { tokens: 64, slots: 96 });
  assertEquals(resolve({ tokens: 64 }, full()), { tokens: 64, slots: 64 });
});

Deno.test("resolveBudget() counts the interval inside bytes", () => {
  assertEquals(resolve({ bytes: 9699 }, policy), { tokens: 64, slots: 96 });
  assertEquals(resolve({ bytes: 9599 }, policy), { tokens: 63, slots: 95 });
});

Deno.test("resolveBudget() takes a share of the context, and a least", () => {
  assertEquals(resolve({ ratio: 0.25 }, policy, 1000).tokens, 250);
  assertEquals(
    resolve({ ratio: 0.25, minTokens: 300 }, policy, 1000).tokens,
    300,
  );
});

Deno.test("resolveBudget() names the least budget that works", () => {
  const cases: [Budget, Policy, string][] = [
    [{ tokens: 8 }, policy, "at least 9 tokens"],
    [{ bytes: 4099 }, policy, "at least 4100 bytes"],
    [{ tokens: 4 }, streaming(), "at least 5 tokens"],
    [{ ratio: 0.008 }, policy, "a ratio of 0.009 or 9 minTokens"],
    [{ tokens: -1 }, policy, "at least 9 tokens"],
  ];
  for (const [budget, method, message] of cases) {
    assertThrows(() => resolve(budget, method, 1000), RangeError, message);
  }
  assertEquals(resolve({ tokens: 9 }, policy).tokens, 9);
  assertEquals(resolve({ bytes: 4100 }, policy).tokens, 9);
});

Deno.test("resolveBudget() refuses what is no budget", () => {
  for (const budget of [{}, { tokens: NaN }, { bytes: "8" }, { ratio: 1 }]) {
    assertThrows(() => resolve(budget as Budget, policy), TypeError, "budget");
  }
});
