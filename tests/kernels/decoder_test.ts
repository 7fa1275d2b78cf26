import { assertEquals } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { testAgreement } from "./agree.ts";
import { filled } from "./numbers.ts";
import { decoder } from "./scenarios/decoder.ts";

testAgreement(decoder);

Deno.test("read() gives the rows of a slice one after the other", async () => {
  for (const backendName of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: backendName });
    const data = Array.from({ length: 24 }, (_, i) => i);
    const slice = backend.slice(filled(backend, [2, 4, 3], data), 1, 3);
    const expected = [...data.slice(3, 9), ...data.slice(15, 21)];
    assertEquals([...await backend.read(slice)], expected);
    assertEquals([...await backend.read(slice, 1)], expected.slice(0, 6));
  }
});
