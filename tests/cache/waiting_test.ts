import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { poolOf, slotsOf } from "./pools.ts";

Deno.test("KVPool.join() lets those who wait in, in their order", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ least: 60 });
  const order: string[] = [];
  const waits = (name: string, least: number) =>
    pool.join({ admit: "wait", least }).then((cache) => {
      order.push(name);
      return cache;
    });
  const [b, c] = [waits("b", 50), waits("c", 5)];
  await Promise.resolve();
  assertEquals(pool.stats().waiting, 2);
  assertEquals(order, [], "a smaller one does not overtake");
  pool.leave(first);
  const caches = await Promise.all([b, c]);
  assertEquals(order, ["b", "c"]);
  assertEquals(slotsOf(caches), [58, 38]);
  assertEquals(pool.stats().waiting, 0);
  const last = await pool.join({ admit: "wait" });
  assertEquals(slotsOf([...caches, last]), [58, 19, 19]);
});

Deno.test("KVPool.join() that waits can be aborted", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  const first = pool.join({ least: 60 });
  const reason = new Error("enough");
  const controller = new AbortController();
  const { signal } = controller;
  const large = pool.join({ admit: "wait", least: 50, signal });
  const small = pool.join({ admit: "wait", least: 5 });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => large), reason);
  assertEquals((await small).slots, 28, "who stood behind it is let in");
  const late = pool.join({ admit: "wait", signal });
  assertStrictEquals(await assertRejects(() => late), reason);
  assertEquals(first.slots, 68);
});

Deno.test("KVPool.join() does not wait for what can never be", async () => {
  using backend = await openBackend();
  using pool = poolOf(backend);
  await assertRejects(
    () => pool.join({ admit: "wait", least: 89 }),
    RangeError,
    "Cannot admit a sequence",
  );
});

Deno.test("KVPool.dispose() turns away those who wait and frees everything", async () => {
  using backend = await openBackend();
  const { used } = backend.memory();
  const pool = poolOf(backend);
  const first = pool.join({ least: 80 });
  const waiting = pool.join({ admit: "wait", least: 20 });
  const refused = assertRejects(() => waiting, TypeError, "disposed of");
  pool.dispose();
  pool.dispose();
  await refused;
  assertThrows(() => first.room(), TypeError, "disposed of");
  assertThrows(() => pool.join(), TypeError, "disposed of");
  assertEquals(backend.memory().used, used);
});
