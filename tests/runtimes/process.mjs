// Runs in Node and Bun: process.mjs SCENARIO TASK prints the outcome.
import { readFile } from "node:fs/promises";

const [, , scenario, task] = process.argv;
const { run } = await import(scenario);
const outcome = await run(JSON.parse(await readFile(task, "utf8")));
console.log(JSON.stringify(outcome));
