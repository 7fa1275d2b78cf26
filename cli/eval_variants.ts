import { type MethodOptions, policies } from "../cache/policies/mod.ts";
import type { CacheType } from "../kernels/tensors.ts";
import type { Fidelity, Variant } from "../model/evaluation/fidelity.ts";
import type { PassRate } from "../model/evaluation/pass_rate.ts";
import { list, policyNamed, typeNamed } from "./arguments.ts";
import { parseBudget } from "./budget.ts";

/** Lists with commas, as the command line has them. */
export interface VariantLists {
  /** Every method but `full` by default. */
  policy: string | undefined;
  budget: string;
  type: string;
}

/**
 * Every method with every budget, in every type. `full` is there once for each
 * type, with room for the text, and not in f32: that is the reference.
 *
 * @param tokens Of the text.
 * @throws {UsageError} for a name that is none.
 */
export function variantsOf(
  lists: VariantLists,
  tokens: number,
): Variant[] {
  return variantsIn(lists).flatMap(({ budget, ...variant }): Variant[] => {
    if (budget) return [{ ...variant, budget }];
    return variant.dtype === "f32" ? [] : [{ ...variant, budget: { tokens } }];
  });
}

/**
 * Every method with every budget, in every type; `full` once for each type,
 * without a budget.
 *
 * @throws {UsageError} for a name that is none.
 */
export function variantsIn(
  lists: VariantLists,
  parameters?: MethodOptions,
): Variant[] {
  const names = lists.policy ? list(lists.policy) : Object.keys(policies);
  const budgets = list(lists.budget).map(parseBudget);
  return list(lists.type).map(typeNamed).flatMap((dtype) =>
    names.flatMap((name): Variant[] => {
      const policy = policyNamed(name, parameters);
      return policy.score === "none"
        ? [{ policy, dtype }]
        : budgets.map((budget) => ({ policy, budget, dtype }));
    })
  );
}

/** A result as tables, plots and JSON have it: flat. */
export type RowOf<T extends { variant: Variant }> =
  & Omit<T, "variant">
  & { policy: string; type: CacheType };

/** What was found of a cache's predictions. */
export type FidelityRow = RowOf<Fidelity>;

/** What was found of a cache's solutions. */
export type PassRateRow = RowOf<PassRate>;

/** A result, flat. */
export function rowOf<T extends { variant: Variant }>(
  { variant, ...found }: T,
): RowOf<T> {
  const { policy, dtype = "int8" } = variant;
  return { policy: policy.name, type: dtype, ...found };
}
