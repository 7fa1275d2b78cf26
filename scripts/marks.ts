/**
 * Expands the marks of an AssemblyScript source, so that the source itself
 * stays something that TypeScript's tools can parse and format.
 *
 * `// #inline` becomes AssemblyScript's decorator of functions, and imports lose
 * the extension that TypeScript needs and AssemblyScript refuses. Loops are
 * unrolled: SIMD kernels keep accumulators in local variables and offsets in
 * instruction immediates, and AssemblyScript has neither arrays of locals nor
 * constant parameters. So a kernel says
 *
 * ```
 * // #for $r 0 4
 * let sum$r = f32x4.splat(0);
 * // #end
 * ```
 *
 * and the compiler sees the line four times, with `$r` replaced by 0 to 3.
 * Bounds may use outer variables (`$g`, `$g+1`, `$g*2`); loops nest.
 *
 * @param source AssemblyScript with marks.
 * @returns AssemblyScript without them.
 */
export function expandMarks(source: string): string {
  const decorated = source
    .replace(/^\/\/ #inline$/gm, "@inline")
    .replace(/(from "\.\/\w+)\.ts";/g, '$1";');
  return expand(decorated.split("\n"), new Map()).join("\n");
}

const loopStart = /^\s*\/\/ #for (\$[a-z]+) (\S+) (\S+)$/;
const loopEnd = /^\s*\/\/ #end$/;

function expand(lines: string[], values: Map<string, number>): string[] {
  const output: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const loop = loopStart.exec(lines[i]);
    if (!loop) {
      output.push(substitute(lines[i], values));
      continue;
    }
    const end = endOf(lines, i);
    const body = lines.slice(i + 1, end);
    for (let v = bound(loop[2], values); v < bound(loop[3], values); v++) {
      output.push(...expand(body, new Map(values).set(loop[1], v)));
    }
    i = end;
  }
  return output;
}

function endOf(lines: string[], start: number): number {
  let depth = 0;
  for (let i = start; i < lines.length; i++) {
    if (loopStart.test(lines[i])) depth++;
    if (loopEnd.test(lines[i]) && --depth === 0) return i;
  }
  throw new SyntaxError(`Cannot unroll "${lines[start].trim()}": no #end`);
}

function substitute(line: string, values: Map<string, number>): string {
  return line.replace(
    /\$[a-z]+/g,
    (name) => values.has(name) ? String(values.get(name)) : name,
  );
}

/** Value of `$g`, `4`, `$g+1` or `$g*2`. */
function bound(expression: string, values: Map<string, number>): number {
  const text = substitute(expression, values).trim();
  const match = /^(\d+)(?:([*+])(\d+))?$/.exec(text);
  if (!match) throw new SyntaxError(`Cannot unroll to "${expression}"`);
  const [left, right] = [Number(match[1]), Number(match[3] ?? 0)];
  return match[2] === "*" ? left * right : left + right;
}
