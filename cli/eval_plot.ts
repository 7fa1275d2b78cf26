/**
 * The plots of `gkv eval`, loaded only when one is asked for.
 *
 * @module
 */
import { budgetPlot } from "./budget_plot.ts";
import type { FidelityRow, PassRateRow } from "./eval_variants.ts";

/** Budget against mean KL divergence as an SVG file. */
export function fidelityPlot(rows: readonly FidelityRow[]): string {
  return budgetPlot({
    rows,
    y: "divergence",
    scale: {
      type: "log",
      label: "mean KL divergence (nats)",
      tickFormat: "~g",
    },
  });
}

/** Budget against pass@1 with its 95 % intervals as an SVG file. */
export function passRatePlot(rows: readonly PassRateRow[]): string {
  const percents = rows.map(({ interval: [least, greatest], ...row }) => ({
    ...row,
    percent: row.passAt1 * 100,
    least: least * 100,
    greatest: greatest * 100,
  }));
  return budgetPlot({
    rows: percents,
    y: "percent",
    scale: { label: "pass@1 (%)", domain: [0, 100] },
    interval: ["least", "greatest"],
  });
}
