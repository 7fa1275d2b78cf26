/** Pieces of text that tokenizers are known to differ on. */
export const PIECES: readonly string[] = [
  "The quick brown fox, they've said, can't jump; it's DON'T and we'LL.",
  "function main() {\n\tif (x >= 10) return `a${b}`;\n}\n",
  "\t\t  for i in range(0, 1_000):\r\n\t\t\tprint(i)\r\n",
  "你好，世界。今天天气很好！",
  "日本語のテキスト、カタカナ",
  "👩‍👩‍👧‍👦🏳️‍🌈👍🏽🇩🇪🙂",
  "café naïve Ünïcödé straße",
  "e\u0301a\u0308n\u0303 q\u0323\u0307",
  "مرحبا بالعالم ٣٤٥ ۱۲",
  "नमस्ते दुनिया १२३",
  "สวัสดี ½ ² Ⅷ ①",
  "3.14159 1234567 10,000 0x1F 2024-01-31",
  "https://example.org/a?b=c&d=%20#e",
  "'s 't 're 'VE ''' \"quoted\" $%^&*()_+=~|<>[]{}\\",
  "\u00a0\u2003\u3000\u0085\u200b\ufeff\u2028",
  "\n\n\n",
  "\r\n\r\n \n",
  "        ",
  "   ",
  "  ",
  " ",
  "\t",
  "a",
  "I",
  "7",
  ".",
  "<s>",
  "<0x0A>",
  "▁",
  " unmergeable",
];

/** One of everything. */
export const PAGE: string = PIECES.join(" ") + PIECES.join("");

/** Whole numbers below `limit`, the same for the same seed (mulberry32). */
export function seeded(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  };
}

/** `count` texts, each of a few cuttings of the pieces. */
export function randomTexts(count: number, seed: number): string[] {
  const below = seeded(seed);
  const cutting = () => {
    const chars = [...PIECES[below(PIECES.length)]];
    const start = below(chars.length);
    return chars.slice(start, start + 1 + below(12)).join("");
  };
  return Array.from(
    { length: count },
    () => Array.from({ length: 1 + below(8) }, cutting).join(""),
  );
}
