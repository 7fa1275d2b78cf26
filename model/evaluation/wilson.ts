/** Standard normal deviation that leaves 2.5 % on each side. */
const DEVIATIONS = 1.959963984540054;

/**
 * Wilson's score interval of a share, 95 % (Wilson 1927,
 * https://doi.org/10.1080/01621459.1927.10502953): it stays within 0 and 1,
 * and has a width where none or all succeeded.
 *
 * @param share Mean of the trials, each from 0 to 1. Where it is a mean of
 * several samples of a trial, the interval is wider than need be.
 * @param trials How many, at least one.
 * @returns The least and the greatest share.
 * @throws {RangeError} for a share or a number of trials that is none.
 */
export function wilson(
  share: number,
  trials: number,
): [least: number, greatest: number] {
  if (!(share >= 0 && share <= 1 && trials >= 1)) {
    throw new RangeError(
      `Cannot give an interval of share ${share} in ${trials} trials: ` +
        `0 to 1 in at least one is needed`,
    );
  }
  const z = DEVIATIONS ** 2 / trials;
  const middle = (share + z / 2) / (1 + z);
  const half = Math.sqrt(share * (1 - share) * z + z ** 2 / 4) / (1 + z);
  return [Math.max(0, middle - half), Math.min(1, middle + half)];
}
