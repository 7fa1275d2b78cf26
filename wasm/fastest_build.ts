/**
 * Which build is the faster one here: whether a CPU has an instruction for
 * relaxed dot products of bytes (VNNI, Arm's dot products), or the engine makes
 * three others of it, nothing but time tells.
 *
 * @module
 */
import type { WasmBuild } from "./kernels.ts";

/** Iterations of a turn: some 0.1 ms. */
const ITERATIONS = 20_000;
/** Turns: the engine optimises the code after about 6 of them. */
const TURNS = 20;

let fastest: WasmBuild | undefined;

/**
 * The build with the faster products of integers, measured once (5 ms), so that
 * one process never has both. Without relaxed SIMD (Node 20, Safari) and where
 * nothing can be measured it is no question.
 */
export function fastestBuild(): WasmBuild {
  return fastest ??= WebAssembly.validate(probe)
    ? measure() ?? "relaxed-simd"
    : "simd";
}

function measure(): WasmBuild | undefined {
  const multiply = instance();
  if (!multiply) return undefined;
  const least = [Infinity, Infinity];
  for (let turn = 0; turn < TURNS; turn++) {
    for (const isPlain of [0, 1]) {
      const start = performance.now();
      multiply(ITERATIONS, isPlain);
      least[isPlain] = Math.min(least[isPlain], performance.now() - start);
    }
  }
  // Equal where the clock is coarse.
  return least[0] <= least[1] ? "relaxed-simd" : "simd";
}

type Multiply = (iterations: number, isPlain: number) => number;

function instance(): Multiply | undefined {
  try {
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(probe));
    return exports.multiply as Multiply;
  } catch {
    // Compiling bytes is forbidden; who needs to know will be told so.
    return undefined;
  }
}

const get = (local: number) => [0x20, local];
const set = (local: number) => [0x21, local];
const simd = (op: number) => [0xfd, ...leb(op)];

const SPLAT16 = simd(0x10), ADD16 = simd(0x8e), ADD32 = simd(0xae);
const DOT = simd(0xba), RELAXED_DOT = simd(0x113), LANE = [...simd(0x1b), 0];

/** Locals: the iterations left, which loop, sums and what is multiplied. */
const LEFT = 0, IS_PLAIN = 1;
const SUMS = [2, 3, 4, 5, 6, 7, 8, 9], INPUTS = [10, 11, 12, 13];
const PAIRS = [[0, 1], [0, 2], [0, 3], [1, 2], [1, 3], [2, 3], [1, 0], [3, 0]];

/** The work of 8 products with inputs of 14 bits: as much for either build. */
const relaxed = loop((sum, a, b) =>
  [get(a), get(b), get(sum), RELAXED_DOT].flat()
);
const plain = loop((sum, a, b) =>
  [get(sum), get(a), get(b), DOT, ADD32].flat()
);

/** Does some products as often as iterations are left. */
function loop(
  product: (sum: number, a: number, b: number) => number[],
): number[] {
  const products = SUMS.flatMap((sum, i) => {
    const [a, b] = PAIRS[i].map((input) => INPUTS[input]);
    return [...product(sum, a, b), ...set(sum)];
  });
  // Other inputs each time, or the engine would multiply but once.
  const turn = INPUTS.flatMap((x, i) => {
    const other = INPUTS[(i + 1) % INPUTS.length];
    return [...get(x), ...get(other), ...ADD16, ...set(x)];
  });
  const countDown = [...get(LEFT), 0x41, 1, 0x6b, 0x22, LEFT];
  return [0x03, 0x40, ...products, ...turn, ...countDown, 0x0d, 0, 0x0b];
}

/**
 * Both loops in one function: the engine optimises them at the same moment,
 * also where its compiler's thread has to wait for a processor.
 */
function multiply(): number[] {
  const start = INPUTS.flatMap((x) => [...get(LEFT), ...SPLAT16, ...set(x)]);
  const [first, ...others] = SUMS;
  const total = others.flatMap((sum) => [...get(sum), ...ADD32]);
  return sized([
    ...[1, SUMS.length + INPUTS.length, 0x7b, ...start],
    ...[...get(IS_PLAIN), 0x04, 0x40, ...plain, 0x05, ...relaxed, 0x0b],
    ...[...get(first), ...total, ...LANE, 0x0b],
  ]);
}

function leb(n: number): number[] {
  return n < 128 ? [n] : [n & 127 | 128, ...leb(n >> 7)];
}

function sized(bytes: readonly number[]): number[] {
  return [...leb(bytes.length), ...bytes];
}

function named(name: string, index: number): number[] {
  const characters = [...name].map((character) => character.charCodeAt(0));
  return [...sized(characters), 0, index];
}

/** A module of `multiply`. */
const probe: Uint8Array<ArrayBuffer> = Uint8Array.of(
  ...[0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00],
  ...[1, ...sized([1, 0x60, 2, 0x7f, 0x7f, 1, 0x7f])],
  ...[3, ...sized([1, 0])],
  ...[7, ...sized([1, ...named("multiply", 0)])],
  ...[10, ...sized([1, ...multiply()])],
);
