import { parseArgs } from "node:util";
import { methods } from "../cache/policies/mod.ts";
import { type Row, table } from "./table.ts";
import { UsageError } from "./usage_error.ts";

/** How to use {@linkcode listMethods}. */
export const methodsHelp: string = `gkv methods [--json]

  Lists the methods of eviction, with their papers (arXiv) and defaults.
  Wherever a policy is named its numbers can be: gkv:mix=0.5:window=8.`;

/** `gkv methods`: every method, what it keeps and where it is from. */
export function listMethods(args: string[]): Promise<void> {
  const found = Object.entries(methods).map(([name, { policy, ...facts }]) => ({
    name,
    ...facts,
    policy: policy(),
  }));
  console.log(
    wantsJson(args) ? JSON.stringify(found) : table(found.map(describe)),
  );
  return Promise.resolve();
}

function wantsJson(args: string[]): boolean {
  const options = { json: { type: "boolean", default: false } } as const;
  try {
    return parseArgs({ args, options }).values.json;
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

/** A line for people. */
function describe(
  { name, keeps, paper = "", policy }: {
    name: string;
    keeps: string;
    paper?: string;
    policy: { window: number; interval: number };
  },
): Row {
  const { window, interval } = policy;
  return { method: name, keeps, paper, window, interval };
}
