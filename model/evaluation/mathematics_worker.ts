/**
 * The worker of a `MathGrader`: says that it is there, then answers every pair
 * of answers with whether they are equal.
 *
 * @module
 */
import { equalAnswers } from "./mathematics.ts";

/** Answers to compare. */
export interface Pair {
  /** A model's. */
  readonly answer: string;
  /** The right one. */
  readonly expected: string;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Pair>) => void;
  postMessage(message: boolean): void;
};

scope.onmessage = ({ data: { answer, expected } }) => {
  let isEqual = false;
  try {
    isEqual = equalAnswers(answer, expected);
  } catch {
    // Nesting that is too deep, numbers that are too large: no right answer.
  }
  scope.postMessage(isEqual);
};
scope.postMessage(true);
