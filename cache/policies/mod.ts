/**
 * The eviction methods. To add one, write a file like `snapkv.ts` and name it
 * here: the command line and the tests follow, and a test asks for its row in
 * the README's table.
 *
 * @module
 */
import type { Policy } from "../policy.ts";
import { cake } from "./cake.ts";
import { full } from "./full.ts";
import { gkv } from "./gkv.ts";
import { h2o } from "./h2o.ts";
import { h2oDecayed } from "./h2o_decayed.ts";
import { keydiff } from "./keydiff.ts";
import { random } from "./random.ts";
import { rkv } from "./rkv.ts";
import { sepllm } from "./sepllm.ts";
import { snapkv } from "./snapkv.ts";
import { streaming } from "./streaming.ts";
import { tova } from "./tova.ts";

export {
  cake,
  full,
  gkv,
  h2o,
  h2oDecayed,
  keydiff,
  random,
  rkv,
  sepllm,
  snapkv,
  streaming,
  tova,
};
export type { CakeOptions } from "./cake.ts";
export type { GkvOptions } from "./gkv.ts";
export type { H2oOptions } from "./h2o.ts";
export type { H2oDecayedOptions } from "./h2o_decayed.ts";
export type { KeydiffOptions } from "./keydiff.ts";
export type { RandomOptions } from "./random.ts";
export type { RkvOptions } from "./rkv.ts";
export type { SepllmOptions } from "./sepllm.ts";
export type { SnapkvOptions } from "./snapkv.ts";
export type { StreamingOptions } from "./streaming.ts";
export type { TovaOptions } from "./tova.ts";

/** Parameters that methods have in common; one that lacks one ignores it. */
export interface MethodOptions {
  /** Newest tokens that stay and do the scoring. */
  window?: number;
  /** Generated tokens between evictions. */
  interval?: number;
}

/** An eviction method and what there is to know of it. */
export interface Method {
  /** Makes it, with its default parameters but for those given. */
  readonly policy: (options?: MethodOptions) => Policy;
  /** What stays, in one line. */
  readonly keeps: string;
  /** Its number on arXiv; absent where there is no paper. */
  readonly paper?: string;
}

/** Every method by name. */
export const methods: Readonly<Record<string, Method>> = {
  gkv: {
    policy: gkv,
    keeps: "best of present and decayed past attention, less redundant keys",
    paper: "2512.00504",
  },
  rkv: {
    policy: rkv,
    keeps: "pooled attention, less redundant keys",
    paper: "2505.24133",
  },
  snapkv: {
    policy: snapkv,
    keeps: "pooled attention of the newest queries",
    paper: "2404.14469",
  },
  cake: {
    policy: cake,
    keeps: "as `snapkv`, and what varies over the window",
    paper: "2503.12491",
  },
  h2o: {
    policy: h2o,
    keeps: "attention of all queries so far",
    paper: "2306.14048",
  },
  h2oDecayed: {
    policy: h2oDecayed,
    keeps: "decayed sum of attention, `h2o` as G-KV's paper compares it",
    paper: "2306.14048",
  },
  tova: {
    policy: tova,
    keeps: "attention of the newest query",
    paper: "2401.06104",
  },
  keydiff: {
    policy: keydiff,
    keeps: "keys that differ from the mean key",
    paper: "2504.15364",
  },
  sepllm: {
    policy: sepllm,
    keeps: "separators, the first four and the newest tokens",
    paper: "2412.12094",
  },
  streaming: {
    policy: streaming,
    keeps: "the first four and the newest tokens",
    paper: "2309.17453",
  },
  random: {
    policy: random,
    keeps: "chance's choice: what every method must beat",
    paper: "2609.03430",
  },
  full: { policy: full, keeps: "everything" },
};

/** What makes every method, by name. */
export const policies: Readonly<Record<string, Method["policy"]>> = Object
  .fromEntries(
    Object.entries(methods).map(([name, { policy }]) => [name, policy]),
  );
