import { policies } from "../cache/policies/mod.ts";
import type { CacheType } from "../kernels/ops.ts";
import type { Fidelity, Variant } from "../model/evaluation/fidelity.ts";
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
  const names = lists.policy ? list(lists.policy) : Object.keys(policies);
  const budgets = list(lists.budget).map(parseBudget);
  return list(lists.type).map(typeNamed).flatMap((dtype) =>
    names.flatMap((name): Variant[] => {
      const policy = policyNamed(name);
      if (policy.score !== "none") {
        return budgets.map((budget) => ({ policy, budget, dtype }));
      }
      if (dtype === "f32") return [];
      return [{ policy, budget: { tokens }, dtype }];
    })
  );
}

/** What was found of a cache, flat. */
export type FidelityRow =
  & Omit<Fidelity, "variant">
  & { policy: string; type: CacheType };

/** A result as tables, plots and JSON have it. */
export function rowOf({ variant, ...found }: Fidelity): FidelityRow {
  const { policy, dtype = "f32" } = variant;
  return { policy: policy.name, type: dtype, ...found };
}
