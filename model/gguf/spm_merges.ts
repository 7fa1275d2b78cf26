/**
 * The merges of a SentencePiece BPE vocabulary, best first. SentencePiece
 * joins the neighbours whose union has the highest score; as a list of merges
 * this is every way to cut a token in two tokens, ordered by the score of the
 * whole (transformers' `generate_merges`). Ties between the cuts of one token
 * did not matter in 90,000 random texts over three letters.
 *
 * @param scores Score of each token that text may become, by its text.
 * @returns Pairs of neighbours to join.
 */
export function spmMerges(scores: Map<string, number>): [string, string][] {
  const cuts = [...scores].flatMap(([token, score]) =>
    cutsOf(token, scores).map((pair) => ({ pair, score }))
  );
  return cuts.sort((a, b) => b.score - a.score).map(({ pair }) => pair);
}

function cutsOf(
  token: string,
  scores: Map<string, number>,
): [string, string][] {
  const cuts: [string, string][] = [];
  for (let at = 1; at < token.length; at++) {
    const left = token.slice(0, at);
    const right = token.slice(at);
    if (scores.has(left) && scores.has(right)) cuts.push([left, right]);
  }
  return cuts;
}
