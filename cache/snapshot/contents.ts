import { cannotRestore } from "./error.ts";
import type { Header } from "./header.ts";
import { groupRanges, type Part, partBytes, partsOf } from "./layout.ts";
import type { CacheShape, LayerForm, Progress } from "../layer.ts";

/** Checks the numbers of a layer, in bytes as a snapshot has them. */
export function checkLayer(
  bytes: Uint8Array,
  layer: Progress,
  { policy, shape }: Header,
  form: LayerForm,
): void {
  let at = 0;
  for (const part of partsOf(layer, form, shape.headDim)) {
    const size = partBytes(part, shape.kvHeads);
    const own = bytes.slice(at, at + size);
    if (part.type === "i32") {
      checkPositions(own, layer, shape.kvHeads, policy.window);
    } else checkNumbers(own, part, shape);
    at += size;
  }
  checkFinite("queries", bytes.slice(at));
}

/** Each once, none that was not seen, the newest last and the window there. */
function checkPositions(
  bytes: Uint8Array,
  { cached, seen, revocable }: Progress,
  heads: number,
  window: number,
): void {
  const all = new Int32Array(bytes.buffer);
  for (let head = 0; head < heads; head++) {
    const held = all.subarray(head * cached, (head + 1) * cached);
    const sorted = held.toSorted();
    const isValid = sorted.every((p, i) => p > (i ? sorted[i - 1] : -1)) &&
      isRun(sorted, Math.min(window, seen), seen) &&
      isRun(held, revocable, seen);
    if (isValid) continue;
    throw cannotRestore(
      `its positions of head ${head} are not ${cached} of ${seen} with the ` +
        `${window} newest, such ones are needed`,
    );
  }
}

/** Whether the last `n` positions are the last before `end`. */
function isRun(positions: Int32Array, n: number, end: number): boolean {
  const first = positions.length - n;
  return (positions.at(-1) ?? -1) < end &&
    positions.subarray(first).every((p, i) => p === end - n + i);
}

function checkNumbers(bytes: Uint8Array, part: Part, shape: CacheShape): void {
  const { name, type } = part;
  if (type === "f32") return checkFinite(name, bytes);
  if (type === "f16") return checkHalves(name, bytes);
  const whole = { first: 0, heads: shape.kvHeads };
  const [[, end]] = groupRanges(part, whole, shape.kvHeads);
  // A quantised vector has 127 in it, or its opposite, and never -128.
  if (bytes.subarray(0, end).includes(0x80)) throw notFinite(name);
  checkFinite(name, bytes.slice(end));
}

function checkFinite(name: string, bytes: Uint8Array): void {
  const words = new Uint32Array(bytes.buffer);
  for (const word of words) {
    if ((word & 0x7f800000) === 0x7f800000) throw notFinite(name);
  }
}

function checkHalves(name: string, bytes: Uint8Array): void {
  const halves = new Uint16Array(bytes.buffer);
  for (const half of halves) {
    if ((half & 0x7c00) === 0x7c00) throw notFinite(name);
  }
}

function notFinite(name: string): Error {
  return cannotRestore(
    `its ${name} have NaN, infinity or -128, numbers of the type are needed`,
  );
}
