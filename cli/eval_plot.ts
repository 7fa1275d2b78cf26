/**
 * The plot of `gkv eval`, on a document that is none of a browser's. It is
 * loaded only when it is asked for.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { DOMParser } from "linkedom";
import type { FidelityRow } from "./eval_variants.ts";

const WIDTH = 760;
const LEGEND = 130;

/** Enough for every method; in pairs of dark and light none would be read. */
const colors = [
  ..."4269d0 efb118 ff725c 6cc5b0 3ca951 ff8ab7 a463f2".split(" "),
  ..."97bbf5 9c6b4e 9498a0 000000 1b6e3c".split(" "),
].map((hex) => `#${hex}`);

/**
 * Budget against mean KL divergence as an SVG file, a line for each method,
 * beside each other for each type of cache. A full cache, which has no budget,
 * is a dashed line; what evicted nothing is not shown.
 */
export function fidelityPlot(rows: readonly FidelityRow[]): string {
  const evicted = rows.filter((row) => row.evictions > 0);
  const whole = rows.filter((row) => row.policy === "full");
  const names = [...new Set(evicted.map((row) => row.policy))];
  const budgets = [...new Set(evicted.map((row) => row.budgetTokens))];
  const types = new Set(rows.map((row) => row.type));
  const panel = types.size > 1 ? { fx: "type" } : {};
  const point = { x: "budgetTokens", y: "divergence", ...panel };
  const svg = Plot.plot({
    document: new DOMParser().parseFromString("<html>", "text/html"),
    width: LEGEND + WIDTH,
    height: 460,
    marginRight: LEGEND,
    marginLeft: 60,
    style: { background: "white" },
    x: {
      type: "log",
      label: "budget (tokens)",
      ticks: budgets,
      tickFormat: String,
    },
    y: {
      type: "log",
      label: "mean KL divergence (nats)",
      tickFormat: "~g",
      grid: true,
    },
    fx: { label: null },
    color: { domain: names, range: colors },
    marks: [
      Plot.ruleY(whole, { y: "divergence", ...panel, strokeDasharray: "4 3" }),
      Plot.line(evicted, { ...point, stroke: "policy" }),
      Plot.dot(evicted, { ...point, stroke: "policy", symbol: "policy" }),
      ...legend(names),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return svg.outerHTML + "\n";
}

/** Plot's own legend is HTML beside the picture, this one is in it. */
function legend(names: readonly string[]): Plot.Markish[] {
  const at = (x: number) => ({
    x: { value: () => x, scale: null },
    y: { value: (_: string, i: number) => 40 + 18 * i, scale: null },
  });
  const itself = (name: string) => name;
  return [
    Plot.dot(names, { ...at(WIDTH + 16), stroke: itself, symbol: itself }),
    Plot.text(names, {
      ...at(WIDTH + 28),
      text: itself,
      textAnchor: "start",
      fontSize: 12,
    }),
  ];
}
