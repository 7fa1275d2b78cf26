/**
 * Replays golden decodes: `deno task goldens [--backend NAME] [--type TYPE] DIR`
 * with a backend reference, wasm or webgpu and a cache of f32, f16 or int8.
 * Prints a line per file and a closing count; exits with 1 on a mismatch.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type BackendName, openBackend } from "../kernels/open.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { type Golden, matches, replay, tolerance } from "./golden.ts";

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    backend: { type: "string", default: "wasm" },
    type: { type: "string", default: "f32" },
  },
});
const type = values.type as CacheType;
const folder = positionals[0] ?? "../shared/goldens";

using backend = await openBackend({
  backend: values.backend as BackendName,
});
const names = [...Deno.readDirSync(folder)]
  .map((entry) => entry.name)
  .filter((name) => name.endsWith(".json"))
  .sort();
let failed = names.length === 0 ? 1 : 0;
for (const name of names) {
  const text = await Deno.readTextFile(`${folder}/${name}`);
  const deviation = await replay(backend, JSON.parse(text) as Golden, type);
  const verdict = matches(deviation, type) ? "ok" : "FAILED";
  if (verdict === "FAILED") failed++;
  const errors = (["select", "history", "attention"] as const)
    .map((part) => `${part} ${deviation[part].toExponential(1)}`);
  console.log(
    `${verdict} ${name}: ${deviation.positions} of ${deviation.kept} ` +
      `positions differ, ` +
      errors.join(", "),
  );
}
console.log(
  `${names.length - failed} of ${names.length} goldens reproduced on ` +
    `${backend.name}, ${type}` +
    (type === "f32" ? ` (positions exact, values to ${tolerance})` : ""),
);
if (failed) Deno.exit(1);
