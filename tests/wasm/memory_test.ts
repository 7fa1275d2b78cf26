import { assertEquals, assertThrows } from "@std/assert";
import { uniform } from "../../model/sampling/random.ts";
import { Arena } from "../../wasm/memory.ts";

const arena = (maximum = 64) =>
  new Arena(new WebAssembly.Memory({ initial: 1, maximum }));

Deno.test("Arena.allocate() gives zeroed, aligned bytes that do not overlap", () => {
  const memory = arena();
  const held = new Map<number, number>();
  for (let i = 0; i < 2000; i++) {
    const [oldest] = held.keys();
    if (held.size > 20 || (oldest && uniform(1, i) < 0.4)) {
      memory.release(oldest);
      held.delete(oldest);
    }
    const size = 1 + Math.floor(uniform(2, i) * 20_000);
    const start = memory.allocate(size);
    assertEquals(start % 64, 0);
    assertEquals(
      memory.bytes.subarray(start, start + size).some(Boolean),
      false,
    );
    memory.bytes.fill(i, start, start + size);
    for (const [other, length] of held) {
      assertEquals(start < other + length && other < start + size, false);
    }
    held.set(start, size);
  }
  for (const start of held.keys()) memory.release(start);
  assertEquals(memory.used, 0);
});

Deno.test("Arena uses again what was released", () => {
  const memory = arena();
  const [a, b, c] = [100_000, 100_000, 100_000].map((n) => memory.allocate(n));
  const { reserved } = memory;
  for (const start of [b, a, c]) memory.release(start);
  memory.allocate(300_000);
  assertEquals(memory.reserved, reserved);
});

Deno.test("Arena.allocate() says what was asked for when memory ends", () => {
  const memory = arena(4);
  memory.allocate(100_000);
  const { used, reserved } = memory;
  assertThrows(() => memory.allocate(300_000), RangeError, "300032 bytes");
  assertEquals([memory.used, memory.reserved], [used, reserved]);
  memory.allocate(60_000);
});

Deno.test("Arena.release() refuses what it did not allocate", () => {
  const memory = arena();
  const start = memory.allocate(64);
  memory.release(start);
  assertThrows(() => memory.release(start), TypeError, "freed before");
});
