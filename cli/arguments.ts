import { type MethodOptions, policies } from "../cache/policies/mod.ts";
import type { Policy } from "../cache/policy.ts";
import type { CacheType } from "../kernels/tensors.ts";
import { UsageError } from "./usage_error.ts";

/**
 * The number that an option was given; undefined when it was not.
 *
 * @throws {UsageError} when it is no number.
 */
export function number(
  name: string,
  text: string | undefined,
): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && text !== "") return value;
  throw new UsageError(`Cannot read --${name} ${text}: a number is needed`);
}

/** The names in a list with commas. */
export function list(text: string): string[] {
  return text.split(",").map((name) => name.trim());
}

/**
 * A method with its default parameters, but for those given, and for those in
 * its name: `gkv:mix=0.5:decay=0.9`. Any number of a policy can be named.
 *
 * @throws {UsageError} for a name or a parameter that is none.
 */
export function policyNamed(text: string, options?: MethodOptions): Policy {
  const [name = "", ...settings] = text.split(":");
  if (Object.hasOwn(policies, name)) {
    return settings.reduce(withSetting, policies[name](options));
  }
  throw new UsageError(
    `Cannot use policy ${name}: one of ${Object.keys(policies).join(", ")} ` +
      `is needed`,
  );
}

/** A policy that differs in one number, and its name says so. */
function withSetting(policy: Policy, setting: string): Policy {
  const [key = "", text] = setting.split("=");
  const named = { ...policy, name: `${policy.name}:${setting}` };
  const value = text ? Number(text) : NaN;
  const { history, redundancy } = policy;
  if (Number.isFinite(value)) {
    if (Object.hasOwn(numbersOf(policy), key)) {
      return { ...named, [key]: value };
    }
    for (const part of ["history", "redundancy"] as const) {
      if (!Object.hasOwn(numbersOf(policy[part]), key)) continue;
      return { ...named, [part]: { ...policy[part], [key]: value } };
    }
  }
  const known = [policy, history, redundancy].map(numbersOf);
  throw new UsageError(
    `Cannot use policy ${named.name}: PARAMETER=NUMBER is needed, with one of ` +
      known.flatMap(Object.keys).join(", "),
  );
}

function numbersOf(parameters: object = {}): Record<string, number> {
  return Object.fromEntries(
    Object.entries(parameters).filter(([, value]) => typeof value === "number"),
  );
}

/** The names of all methods, as a help text's second column has them. */
export const policyNames: string = column(Object.keys(policies));

/** Types of a cache. */
export const cacheTypes: readonly CacheType[] = ["f32", "f16", "int8"];

/**
 * The type of a cache.
 *
 * @throws {UsageError} for a name that is none.
 */
export function typeNamed(name: string): CacheType {
  return oneOf("cache type", name, cacheTypes);
}

/**
 * A method whose keys' redundancy is measured otherwise; one that had none
 * gets R-KV's share of it.
 *
 * @throws {UsageError} for a name that is no measure.
 */
export function withRedundancy(policy: Policy, name: string): Policy {
  const by = oneOf("redundancy", name, ["cosine", "keydiff"] as const);
  return { ...policy, redundancy: { mix: 0.1, ...policy.redundancy, by } };
}

function oneOf<T extends string>(
  what: string,
  name: string,
  known: readonly T[],
): T {
  const found = known.find((one) => one === name);
  if (found) return found;
  throw new UsageError(
    `Cannot use ${what} ${name}: one of ${known.join(", ")} is needed`,
  );
}

/** Names in lines of no more than 80 characters. */
function column(names: readonly string[]): string {
  return names.reduce((text, name) => {
    const line = text.slice(text.lastIndexOf("\n") + 1).trimStart();
    const fits = line.length + name.length <= 48;
    return `${text},${fits ? " " : `\n${" ".repeat(27)}`}${name}`;
  });
}
