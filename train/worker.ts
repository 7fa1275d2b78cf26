/**
 * A worker of a crew: its first message says what it trains, every other one
 * asks for something, and is answered with that or with the error.
 *
 * @module
 */
import {
  makeMember,
  type Member,
  type Opening,
  type Values,
} from "./member.ts";

/** A worker's part of what a crew is asked for. */
export interface Assignment {
  readonly wanted: keyof Member;
  readonly parameters: Values;
  readonly part: unknown;
}

/** What becomes of an assignment. */
export type Outcome = { readonly answer: unknown } | {
  readonly error: unknown;
};

const scope = self as unknown as {
  onmessage: (event: MessageEvent<Opening | Assignment>) => void;
  postMessage(message: Outcome): void;
};

let member: Member | undefined;

scope.onmessage = async ({ data }) => {
  if ("config" in data) member = makeMember(data);
  else scope.postMessage(await outcomeOf(data));
};

async function outcomeOf(
  { wanted, parameters, part }: Assignment,
): Promise<Outcome> {
  const work = member![wanted] as (
    parameters: Values,
    part: unknown,
  ) => Promise<unknown>;
  try {
    return { answer: await work(parameters, part) };
  } catch (error) {
    return { error };
  }
}
