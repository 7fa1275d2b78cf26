import { forged, refuses, snapshot } from "./fixtures.ts";

Deno.test("KVCache.restore() says what is wrong with the bytes", async () => {
  const bytes = await snapshot();
  const changed = (at: number, to: number) => {
    const copy = bytes.slice();
    copy[at] = to;
    return copy;
  };
  await refuses(new Uint8Array(), {}, "it has 0 bytes");
  await refuses(bytes.subarray(0, 20), {}, "it has 20 bytes");
  await refuses(bytes.subarray(0, 500), {}, `${bytes.length} are needed`);
  await refuses(changed(0, 0x47), {}, "it does not begin as one");
  await refuses(changed(8, 2), {}, "its version is 2");
  await refuses(changed(600, bytes[600] ^ 1), {}, "its checksum is wrong");
  const claims = { slots: 2 ** 30 };
  await refuses(await forged(bytes, claims), {}, "maxBytes is needed");
});
