// Runs in Node: edge.mjs FOLDER WASM prints what Vercel's edge runtime gives.
import { readFile } from "node:fs/promises";
import { EdgeVM } from "@edge-runtime/vm";

const [, , folder, wasm] = process.argv;
const module = await WebAssembly.compile(await readFile(wasm));
const vm = new EdgeVM({
  // As deployed: no code is made of strings or bytes.
  codeGeneration: { strings: false, wasm: false },
  extend: (context) => Object.assign(context, { module }),
});
const scenario = await readFile(`${folder}/scenario.js`, "utf8");
// The machine takes scripts, not modules.
vm.evaluate(scenario.replace(/export \{\s*run\s*\};/, ""));
const task = await readFile(`${folder}/task.json`, "utf8");
const outcome = await vm.evaluate(`run(${task}, { module })`);
console.log(JSON.stringify(outcome));
