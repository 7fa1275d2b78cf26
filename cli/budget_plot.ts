/**
 * Plots against the budget, a line for each method, on a document that is none
 * of a browser's. Loaded only when a plot is asked for.
 *
 * @module
 */
import * as Plot from "@observablehq/plot";
import { DOMParser } from "linkedom";
import type { CacheType } from "../kernels/tensors.ts";

const WIDTH = 760;
const LEGEND = 130;

/** Enough for every method; in pairs of dark and light none would be read. */
const colors = [
  ..."4269d0 efb118 ff725c 6cc5b0 3ca951 ff8ab7 a463f2".split(" "),
  ..."97bbf5 9c6b4e 9498a0 000000 1b6e3c".split(" "),
].map((hex) => `#${hex}`);

/** A result to plot. */
export interface BudgetRow {
  readonly policy: string;
  readonly type: CacheType;
  readonly budgetTokens: number;
  readonly evictions: number;
}

/** What is plotted against the budget. */
export interface BudgetPlot<T extends BudgetRow> {
  readonly rows: readonly T[];
  /** Field of a row. */
  readonly y: keyof T & string;
  /** Scale of it. */
  readonly scale: Plot.ScaleOptions;
  /** Fields of the least and the greatest value, where there is an interval. */
  readonly interval?: readonly [least: string, greatest: string];
}

/**
 * An SVG file; types of cache are beside each other. A full cache, which has
 * no budget, is a dashed line; what evicted nothing is not shown.
 */
export function budgetPlot<T extends BudgetRow>(
  { rows, y, scale, interval }: BudgetPlot<T>,
): string {
  const evicted = rows.filter((row) => row.evictions > 0);
  const whole = rows.filter((row) => row.policy === "full");
  const names = [...new Set(evicted.map((row) => row.policy))];
  const budgets = [...new Set(evicted.map((row) => row.budgetTokens))];
  const types = new Set(rows.map((row) => row.type));
  const panel = types.size > 1 ? { fx: "type" } : {};
  const point = { x: "budgetTokens", y, ...panel };
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
    y: { grid: true, ...scale },
    fx: { label: null },
    color: { domain: names, range: colors },
    marks: [
      Plot.ruleY(whole, { y, ...panel, strokeDasharray: "4 3" }),
      ...(interval ? [intervals(evicted, interval, panel)] : []),
      Plot.line(evicted, { ...point, z: "policy", stroke: "policy" }),
      Plot.dot(evicted, { ...point, stroke: "policy", symbol: "policy" }),
      ...legend(names),
    ],
  });
  svg.setAttribute("xmlns", "http://www.w3.org/2000/svg");
  return svg.outerHTML + "\n";
}

function intervals(
  rows: readonly BudgetRow[],
  [y1, y2]: readonly [string, string],
  panel: { fx?: string },
): Plot.RuleX {
  const faint = { stroke: "policy", strokeOpacity: 0.35 };
  return Plot.ruleX(rows, { x: "budgetTokens", y1, y2, ...panel, ...faint });
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
