import { assertEquals } from "@std/assert";
import { WasmBackend } from "../../wasm/backend.ts";

Deno.test("WasmBackend.peek() gives at once what read() gives, of slices and rows too", async () => {
  using backend = await WasmBackend.open();
  for (const dtype of ["f32", "i32"] as const) {
    const tensor = backend.tensor([3, 4, 2], dtype);
    backend.write(tensor, Array.from({ length: 24 }, (_, i) => i - 7));
    const slice = backend.slice(tensor, 1, 3);
    const numbers = backend.peek(slice, 2);
    assertEquals([...numbers], [-5, -4, -3, -2, 3, 4, 5, 6]);
    assertEquals(numbers, await backend.read(slice, 2));
    assertEquals([...backend.peek(backend.rows(slice, 2, 3))], [
      11,
      12,
      13,
      14,
    ]);
    backend.write(tensor, [5]);
    assertEquals(numbers[0], -5, "a copy");
  }
});
