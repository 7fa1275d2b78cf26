import type { HeadRule } from "../../kernels/layer_cache.ts";
import type { MergeRule } from "../../kernels/selection.ts";
import { checkPolicy, type Policy, type ScoreRule } from "../policy.ts";
import { cannotRestore } from "./error.ts";
import type { Fields } from "./fields.ts";

/** Most tokens that a parameter of a policy may name. */
const MOST = 2 ** 31 - 1;

/** In the place of a score that is a function. */
const FUNCTION = "function";

const rules: readonly (ScoreRule | typeof FUNCTION)[] = [
  "attention",
  "total",
  "keydiff",
  "separators",
  "recency",
  "random",
  "none",
  FUNCTION,
];

/** A policy's parameters as JSON, the same for the same ones. */
export function describePolicy(policy: Policy): Record<string, unknown> {
  const { name, score, heads, window, interval, at, sinks, shift } = policy;
  const { seed, pool, history, redundancy, quota } = policy;
  return {
    name,
    score: typeof score === "function" ? FUNCTION : score,
    heads,
    window,
    interval,
    at,
    sinks,
    shift,
    seed,
    pool,
    history: history && { merge: history.merge, decay: history.decay },
    redundancy: redundancy && { mix: redundancy.mix, by: redundancy.by },
    quota: quota && { blocks: quota.blocks, share: quota.share },
  };
}

/**
 * The policy of a snapshot.
 *
 * @param given The one that the caller expects, and has the functions of.
 * @throws {SnapshotError} when they differ, or one with a function is missing.
 */
export function restoredPolicy(
  fields: Fields,
  given: Policy | undefined,
): Policy {
  const { score, ...rest } = parsePolicy(fields);
  if (!given) {
    if (score !== FUNCTION) return checked({ ...rest, score });
    throw cannotRestore(
      `its policy ${rest.name} scores by a function, which no snapshot holds, ` +
        `the option policy is needed`,
    );
  }
  const [has, wanted] = [{ ...rest, score }, given].map((policy) =>
    JSON.stringify(describePolicy(policy as Policy))
  );
  if (has === wanted) return checked(given);
  throw cannotRestore(`its policy is ${has}, ${wanted} is needed`);
}

type Parsed = Omit<Policy, "score"> & { score: (typeof rules)[number] };

function parsePolicy(fields: Fields): Parsed {
  return {
    name: fields.text("name"),
    score: fields.oneOf("score", rules),
    window: fields.count("window", 1, MOST),
    interval: fields.count("interval", 1, MOST),
    ...given(
      "heads",
      fields,
      () => fields.oneOf<HeadRule>("heads", ["max", "mean"]),
    ),
    ...given("at", fields, () => fields.oneOf<"newline">("at", ["newline"])),
    ...given("sinks", fields, () => fields.count("sinks", 0, MOST)),
    ...given("shift", fields, () => fields.number("shift", 0, 1e6)),
    ...given("seed", fields, () => fields.count("seed", 0, 2 ** 32 - 1)),
    ...parseSelection(fields),
  };
}

function parseSelection(
  fields: Fields,
): Pick<Policy, "pool" | "history" | "redundancy" | "quota"> {
  return {
    ...given("pool", fields, () => fields.count("pool", 1, 2 ** 16)),
    ...given("history", fields, () => {
      const history = fields.object("history");
      return {
        merge: history.oneOf<MergeRule>("merge", ["max", "mean", "sum"]),
        decay: history.number("decay", 0, 1),
      };
    }),
    ...given("redundancy", fields, () => {
      const redundancy = fields.object("redundancy");
      const by = () =>
        redundancy.oneOf<"cosine" | "keydiff">("by", ["cosine", "keydiff"]);
      return {
        mix: redundancy.number("mix", 0, 1),
        ...given("by", redundancy, by),
      };
    }),
    ...given("quota", fields, () => {
      const quota = fields.object("quota");
      return {
        blocks: quota.count("blocks", 1, MOST),
        share: quota.number("share", 0, 1),
      };
    }),
  };
}

/** A field if there is one: an absent one is not an undefined one. */
function given<K extends string, T>(
  name: K,
  fields: Fields,
  read: () => T,
): { [key in K]?: T } {
  return fields.has(name) ? { [name]: read() } as { [key in K]: T } : {};
}

function checked(policy: Policy): Policy {
  try {
    checkPolicy(policy);
    return policy;
  } catch (error) {
    throw cannotRestore((error as Error).message);
  }
}
