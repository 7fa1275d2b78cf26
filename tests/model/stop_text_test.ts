import { assertEquals } from "@std/assert";
import { StopText } from "../../model/stop_text.ts";

function run(stops: string[], pieces: string[]): string[] {
  const stop = new StopText(stops);
  return [...pieces.map((piece) => stop.push(piece)), stop.flush()];
}

Deno.test("StopText gives everything when nothing stops", () => {
  assertEquals(run([], ["ab", "c"]), ["ab", "c", ""]);
  assertEquals(run(["", "x"], ["ab", "c"]), ["ab", "c", ""]);
});

Deno.test("StopText finds a text that comes in pieces", () => {
  assertEquals(run(["END"], ["aE", "N", "Db", "c"]), ["a", "", "", "", ""]);
});

Deno.test("StopText gives back what only began like a stop", () => {
  assertEquals(run(["END"], ["aEN", "x"]), ["a", "ENx", ""]);
  assertEquals(run(["END"], ["aEN"]), ["a", "EN"]);
  assertEquals(run(["aab"], ["aa", "ab"]), ["", "a", ""]);
});

Deno.test("StopText takes the first of several", () => {
  assertEquals(run(["cd", "b"], ["abcd"]), ["a", ""]);
});
