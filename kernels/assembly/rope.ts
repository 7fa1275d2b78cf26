// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

/**
 * Turns the channel pairs of every head in place. Pair `i` is channels
 * `i, i + headDim / 2` when `halves`, else `2i, 2i + 1`.
 *
 * @param angles Cosine and sine of each pair, `[n, headDim / 2, 2]`.
 */
export function rope(
  x: usize,
  xStride: usize,
  n: i32,
  heads: i32,
  headDim: i32,
  angles: usize,
  halves: i32,
): void {
  const bytes = <usize> headDim << 2;
  for (; n > 0; n--) {
    for (let head: usize = 0; head < <usize> heads * bytes; head += bytes) {
      turnHead(x + head, angles, bytes, halves);
    }
    x += xStride;
    angles += bytes;
  }
}

/** {@linkcode rope} of one head of `bytes`. */
export function turnHead(
  x: usize,
  angles: usize,
  bytes: usize,
  halves: i32,
): void {
  if (halves) turnHalves(x, angles, bytes >> 1);
  else turnNeighbours(x, angles, bytes);
}

function turnNeighbours(x: usize, angles: usize, bytes: usize): void {
  const signs = f32x4(-1, 1, -1, 1);
  let i: usize = 0;
  for (; i + 16 <= bytes; i += 16) {
    const angle = v128.load(angles + i), pairs = v128.load(x + i);
    const cosines = v128.shuffle<f32>(angle, angle, 0, 0, 2, 2);
    const sines = v128.shuffle<f32>(angle, angle, 1, 1, 3, 3);
    const swapped = v128.shuffle<f32>(pairs, pairs, 1, 0, 3, 2);
    const turned = f32x4.mul(f32x4.mul(swapped, signs), sines);
    v128.store(x + i, f32x4.add(f32x4.mul(pairs, cosines), turned));
  }
  if (i < bytes) turnPair(x + i, x + i + 4, angles + i);
}

/** `half`: bytes of half a head. */
function turnHalves(x: usize, angles: usize, half: usize): void {
  let i: usize = 0;
  for (; i + 16 <= half; i += 16) {
    const angle0 = v128.load(angles + i * 2);
    const angle1 = v128.load(angles + i * 2, 16);
    const cosines = v128.shuffle<f32>(angle0, angle1, 0, 2, 4, 6);
    const sines = v128.shuffle<f32>(angle0, angle1, 1, 3, 5, 7);
    const a = v128.load(x + i), b = v128.load(x + half + i);
    const ac = f32x4.mul(a, cosines), bs = f32x4.mul(b, sines);
    const as = f32x4.mul(a, sines), bc = f32x4.mul(b, cosines);
    v128.store(x + i, f32x4.sub(ac, bs));
    v128.store(x + half + i, f32x4.add(as, bc));
  }
  for (; i < half; i += 4) turnPair(x + i, x + half + i, angles + i * 2);
}

function turnPair(first: usize, second: usize, angle: usize): void {
  const cosine = load<f32>(angle), sine = load<f32>(angle, 4);
  const a = load<f32>(first), b = load<f32>(second);
  store<f32>(first, a * cosine - b * sine);
  store<f32>(second, a * sine + b * cosine);
}
