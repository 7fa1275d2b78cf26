import { finalAnswer } from "./final_answer.ts";

/** A problem with its right answer. */
export interface WrittenProblem {
  /** What is asked, as a message of a user. */
  readonly prompt: string;
  /** The right answer alone. */
  readonly answer: string;
}

/** Asks for what a grader looks for. */
const INSTRUCTION =
  "Please reason step by step, and put your final answer within \\boxed{}.";

/**
 * Problems of a JSONL file, an object a line: `{ prompt, answer }`, or as data
 * sets name it `problem` or `question`, and `answer` or `solution` (AIME, AMC,
 * GSM8K, MATH), in any case. An answer is what is boxed last, or follows
 * `####`, or all of it; a solution has one of the former. A prompt is taken as
 * it is, a problem or question with the request to box the answer.
 *
 * @param text The file's.
 * @param name The file's, for errors.
 * @throws {TypeError} for a file without problems, or naming the first line
 * that is none.
 */
export function readProblems(text: string, name: string): WrittenProblem[] {
  const problems = text.split("\n").flatMap((line, i) =>
    line.trim() ? [readProblem(line, `${name}, line ${i + 1}`)] : []
  );
  if (problems.length > 0) return problems;
  throw new TypeError(
    `Cannot read problems of ${name}: it is empty, JSON objects in lines ` +
      `are needed`,
  );
}

function readProblem(line: string, where: string): WrittenProblem {
  const fields = readFields(line, where);
  const prompt = fields.get("prompt");
  const question = fields.get("problem") ?? fields.get("question");
  if (prompt === undefined && question === undefined) {
    throw refused(where, "it asks nothing, a prompt, problem or question");
  }
  const given = fields.get("answer");
  const solution = fields.get("solution");
  const answer = given === undefined
    ? finalAnswer(solution ?? "")
    : finalAnswer(given) ?? given;
  if (answer === undefined) {
    const state = solution === undefined
      ? "it has no answer, an answer or solution"
      : "its solution has no answer, a last \\boxed{…} or ####";
    throw refused(where, state);
  }
  return { prompt: prompt ?? `${question}\n\n${INSTRUCTION}`, answer };
}

/** Texts and numbers that are not empty, by name in lower case. */
function readFields(line: string, where: string): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (error) {
    throw refused(where, `${(error as Error).message}, a JSON object`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refused(where, "it is another value, a JSON object");
  }
  const known = Object.entries(value).filter(([, field]) =>
    typeof field === "number" || typeof field === "string" && field.trim()
  );
  return new Map(known.map(([key, field]) => [key.toLowerCase(), `${field}`]));
}

function refused(where: string, why: string): TypeError {
  return new TypeError(`Cannot read problems of ${where}: ${why} is needed`);
}
