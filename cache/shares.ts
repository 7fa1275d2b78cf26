/** What a sequence asks of a pool, in slots of a head. */
export interface Claim {
  /** Size of its share beside the others'. */
  readonly weight: number;
  /** Fewest slots that it can do with. */
  readonly least: number;
}

/**
 * Divides slots by weight, but so that nobody gets less than its least: who
 * would, gets that, and the others divide what is left.
 *
 * @returns A share for each claim, or `undefined` when there are too few slots.
 */
export function divide(
  slots: number,
  claims: readonly Claim[],
): number[] | undefined {
  const isPoor = claims.map(() => false);
  let unit = 0;
  for (let before = -1; before !== count(isPoor);) {
    before = count(isPoor);
    const rich = claims.filter((_, i) => !isPoor[i]);
    const taken = sum(claims.filter((_, i) => isPoor[i]), "least");
    if (taken > slots) return undefined;
    unit = (slots - taken) / sum(rich, "weight");
    claims.forEach(({ weight, least }, i) =>
      isPoor[i] ||= least > Math.floor(unit * weight)
    );
  }
  return claims.map(({ weight, least }, i) =>
    isPoor[i] ? least : Math.floor(unit * weight)
  );
}

function count(flags: readonly boolean[]): number {
  return flags.filter(Boolean).length;
}

function sum(claims: readonly Claim[], of: keyof Claim): number {
  return claims.reduce((total, claim) => total + claim[of], 0);
}
