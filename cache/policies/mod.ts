/**
 * The eviction methods. To add one, write a file like `snapkv.ts` and name it
 * here: the command line, the tests and the README's table follow.
 *
 * @module
 */
import type { Policy } from "../policy.ts";
import { cake } from "./cake.ts";
import { full } from "./full.ts";
import { gkv } from "./gkv.ts";
import { h2oDecayed } from "./h2o_decayed.ts";
import { rkv } from "./rkv.ts";
import { snapkv } from "./snapkv.ts";
import { streaming } from "./streaming.ts";

export { cake, full, gkv, h2oDecayed, rkv, snapkv, streaming };
export type { CakeOptions } from "./cake.ts";
export type { GkvOptions } from "./gkv.ts";
export type { H2oDecayedOptions } from "./h2o_decayed.ts";
export type { RkvOptions } from "./rkv.ts";
export type { SnapkvOptions } from "./snapkv.ts";
export type { StreamingOptions } from "./streaming.ts";

/** Every method by name, with its default parameters. */
export const policies: Readonly<Record<string, () => Policy>> = {
  full,
  streaming,
  gkv,
  rkv,
  snapkv,
  h2oDecayed,
  cake,
};
