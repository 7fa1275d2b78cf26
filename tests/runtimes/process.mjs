// Runs in Node and Bun: process.mjs FOLDER prints the outcome of its task.
import { readFile } from "node:fs/promises";

const folder = process.argv[2];
const { run } = await import(`${folder}/scenario.js`);
const task = JSON.parse(await readFile(`${folder}/task.json`, "utf8"));
const outcome = await run({ ...task, path: `${folder}/tiny.gguf` });
console.log(JSON.stringify(outcome));
