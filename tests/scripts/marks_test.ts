import { assertEquals, assertThrows } from "@std/assert";
import { expandMarks } from "../../scripts/marks.ts";

Deno.test("expandMarks() unrolls loops within loops", () => {
  const source = `a
// #for $i 0 2
x$i
  // #for $j $i $i+2
  y$j = $i * 4 + $j;
  // #end
// #end
$unknown`;
  assertEquals(
    expandMarks(source).split("\n").map((line) => line.trim()),
    [
      ...["a", "x0", "y0 = 0 * 4 + 0;", "y1 = 0 * 4 + 1;"],
      ...["x1", "y1 = 1 * 4 + 1;", "y2 = 1 * 4 + 2;", "$unknown"],
    ],
  );
});

Deno.test("expandMarks() decorates functions and shortens imports", () => {
  const source = `import { a } from "./simd.ts";\n// #inline\nfunction f() {}`;
  const expected = `import { a } from "./simd";\n@inline\nfunction f() {}`;
  assertEquals(expandMarks(source), expected);
});

Deno.test("expandMarks() refuses a loop without end or bounds", () => {
  assertThrows(() => expandMarks("// #for $i 0 2\nx"), SyntaxError, "no #end");
  const source = "// #for $i 0 n\nx\n// #end";
  assertThrows(() => expandMarks(source), SyntaxError, `"n"`);
});
