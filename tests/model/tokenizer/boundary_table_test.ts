import { assertEquals } from "@std/assert";
import { BoundaryTable } from "../../../model/tokenizer/boundary_table.ts";

Deno.test("BoundaryTable tells newlines and separators from other tokens", () => {
  const texts = [".", " ,", "?!", ";\n", "\n\n", " ", "a.", "3", "…", ""];
  let looks = 0;
  const table = new BoundaryTable({
    bytes: (id) => {
      looks++;
      return new TextEncoder().encode(texts[id]);
    },
  });
  const expected = [
    ...Array(3).fill("separator"),
    ...Array(2).fill("newline"),
    ...Array(5).fill(undefined),
  ];
  for (let round = 0; round < 2; round++) {
    assertEquals(texts.map((_, id) => table.of(id)), expected);
  }
  assertEquals(looks, texts.length);
});
