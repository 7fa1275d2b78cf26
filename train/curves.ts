/** Points of one line, and how it is drawn. */
export interface Curve {
  /** Beside its line. */
  readonly name: string;
  /** By rising x. */
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** One drawing of several curves over the same x. */
export interface Panel {
  /** What y is. */
  readonly title: string;
  /** Over the same x. */
  readonly curves: readonly Curve[];
}

const COLOURS = ["#1b6ca8", "#d1495b", "#3a7d44", "#8d5a97", "#b8860b"];
const WIDTH = 720;
const HEIGHT = 240;
const MARGIN = { left: 56, right: 96, top: 32, bottom: 28 };

/** Most points of a line: more cannot be told apart. */
const MOST_POINTS = 400;

/** An SVG of panels one below the other; x is in units of `unit`. */
export function drawCurves(panels: readonly Panel[], unit: string): string {
  const height = panels.length * HEIGHT;
  const body = panels.map((panel, i) =>
    `<g transform="translate(0 ${i * HEIGHT})">${drawPanel(panel, unit)}</g>`
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" ` +
    `height="${height}" font-family="sans-serif" font-size="12">\n` +
    `<rect width="100%" height="100%" fill="white"/>\n${body.join("\n")}\n` +
    `</svg>\n`;
}

function drawPanel({ title, curves }: Panel, unit: string): string {
  const points = curves.flatMap(({ points }) => points);
  const right = Math.max(1e-9, ...extremes(points.map(([x]) => x)));
  const top = Math.max(1e-9, ...extremes(points.map(([, y]) => y)));
  const width = WIDTH - MARGIN.left - MARGIN.right;
  const height = HEIGHT - MARGIN.top - MARGIN.bottom;
  const x = (value: number) => MARGIN.left + value / right * width;
  const y = (value: number) => HEIGHT - MARGIN.bottom - value / top * height;
  const lines = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const at = y(share * top).toFixed(1);
    return `<path d="M${MARGIN.left} ${at}h${width}" stroke="#ddd"/>` +
      text(MARGIN.left - 6, +at + 4, label(share * top), "end");
  });
  const drawn = curves.map((curve, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const path = thinned(curve.points).map(([px, py], n) =>
      `${n === 0 ? "M" : "L"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`
    ).join("");
    return `<path d="${path}" fill="none" stroke="${colour}"/>` +
      text(WIDTH - MARGIN.right + 8, MARGIN.top + 16 * i, curve.name, "start");
  });
  const keys = curves.map((_, i) =>
    `<rect x="${WIDTH - MARGIN.right + 60}" y="${MARGIN.top + 16 * i - 8}" ` +
    `width="16" height="6" fill="${COLOURS[i % COLOURS.length]}"/>`
  );
  const axis = text(x(right), HEIGHT - 8, `${label(right)} ${unit}`, "end");
  return [...lines, ...drawn, ...keys, axis, text(8, 18, title, "start")]
    .join("\n");
}

function extremes(values: number[]): number[] {
  return values.length === 0 ? [] : [values.reduce((a, b) => Math.max(a, b))];
}

/** Means of neighbours, where there are too many. */
function thinned(points: Curve["points"]): [number, number][] {
  const size = Math.ceil(points.length / MOST_POINTS) || 1;
  const out: [number, number][] = [];
  for (let i = 0; i < points.length; i += size) {
    const group = points.slice(i, i + size);
    const sum = group.reduce((all, [, y]) => all + y, 0);
    out.push([group.at(-1)![0], sum / group.length]);
  }
  return out;
}

function text(x: number, y: number, content: string, anchor: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" text-anchor="${anchor}">${escaped}</text>`;
}

function label(value: number): string {
  return `${+value.toPrecision(3)}`;
}
