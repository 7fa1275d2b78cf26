import type { CacheType } from "../../../kernels/tensors.ts";
import { opened, refuses, sealed, snapshot } from "./fixtures.ts";

Deno.test("KVCache.restore() refuses numbers that no cache has", async () => {
  const bytes = await snapshot();
  const [header, payload] = opened(bytes);
  // Of 16 slots and 2 heads of 8 channels, keys and values come first.
  const at = 2 * 16 * 2 * 8 * 4;
  const positions = [...new Int32Array(payload.slice(at, at + 64).buffer)];
  const free = [0, 1, 2, 3, 4, 5, 6, 7].find((p) => !positions.includes(p))!;
  const settled = structuredClone(header.progress) as number[][];
  settled[0][5] = 0;
  const refused = async (word: number, at: number, message: string) => {
    const forged = payload.slice();
    new DataView(forged.buffer).setInt32(at, word, true);
    for (const progress of [header.progress, settled]) {
      const json = JSON.stringify({ ...header, progress });
      await refuses(await sealed(json, forged), {}, message);
    }
  };
  for (const word of [positions[1], 21, -1]) {
    await refused(word, at, "its positions of head 0");
  }
  await refused(free, at + 60, "its positions of head 0");
  const swapped = payload.slice();
  swapped.copyWithin(at + 56, at + 60, at + 64);
  new DataView(swapped.buffer).setInt32(at + 60, positions[14], true);
  await refuses(
    await sealed(JSON.stringify(header), swapped),
    {},
    "its positions of head 0",
  );
  await refused(0x7f800000, 0, "its keys have");
  await refused(-1, at + 128, "its history have");
  await refused(-1, payload.length - 4, "its queries have");
});

Deno.test("KVCache.restore() refuses f16 and int8 that no cache has", async () => {
  const cases: [CacheType, number, number][] = [
    ["f16", 0, 0x7c00],
    ["int8", 0, 0x80],
    ["int8", 2 * 16 * 8 + 2, 0x7f80],
  ];
  for (const [dtype, at, word] of cases) {
    const [header, payload] = opened(await snapshot({ dtype }));
    new DataView(payload.buffer).setUint16(at, word, true);
    const forged = await sealed(JSON.stringify(header), payload);
    await refuses(forged, {}, "its keys have");
  }
});
