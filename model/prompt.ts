import type { ChatTemplate, Message } from "./tokenizer/chat.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** What turns messages into tokens. */
export interface PromptParts {
  /** Absent in a model of token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** Absent where prompts are taken as they are. */
  readonly template: ChatTemplate | undefined;
}

/** Tokens of a prompt and what becomes of the text before them. */
export interface Continuation {
  /** Tokens to be added. */
  readonly ids: readonly number[];
  /** Whether the text so far is another one, and forgotten. */
  readonly startsOver: boolean;
}

/**
 * What a prompt adds to a text. A string is the next message of a user; an
 * array is a whole conversation: where that begins with the text so far, token
 * by token, only the rest is new, and otherwise it takes the text's place.
 *
 * @param said Tokens of the text so far.
 * @param raw Whether to take the prompt as it is, without a template.
 * @throws {TypeError} when the model has no tokenizer.
 */
export function continuationOf(
  parts: PromptParts,
  prompt: string | readonly Message[],
  said: readonly number[],
  raw: boolean,
): Continuation {
  const ids = encodePrompt(parts, prompt, said, raw);
  if (typeof prompt === "string") return { ids, startsOver: false };
  const goesOn = said.every((id, i) => id === ids[i]);
  return { ids: goesOn ? ids.slice(said.length) : ids, startsOver: !goesOn };
}

/**
 * Tokens of a user's message that follows `said`, the tokens of the text so
 * far, or of a whole conversation.
 *
 * @param raw Whether to take the prompt as it is, without a template.
 * @throws {TypeError} when the model has no tokenizer.
 */
export function encodePrompt(
  parts: PromptParts,
  prompt: string | readonly Message[],
  said: readonly number[],
  raw: boolean,
): number[] {
  const { template } = parts;
  const tokenizer = tokenizerOf(parts);
  const message = typeof prompt === "string"
    ? { role: "user", content: prompt } as const
    : undefined;
  const messages = message ? [message] : prompt as readonly Message[];
  const isFirst = !message || said.length === 0;
  if (raw || !template) {
    const text = messages.map(({ content }) => content).join("\n");
    return tokenizer.encode(text, { bos: isFirst && tokenizer.addBos });
  }
  if (isFirst) return tokenizer.encode(template.render(messages));
  const ids = tokenizer.encode(template.continuation(...messages));
  // The end of the turn is not repeated when the model has said it.
  return ids[0] === said.at(-1) ? ids.slice(1) : ids;
}

/** The tokenizer of a model that has one. */
export function tokenizerOf({ tokenizer }: PromptParts): Tokenizer {
  if (tokenizer) return tokenizer;
  throw new TypeError(
    "Cannot generate text: the model has no tokenizer, " +
      "generateTokens is needed",
  );
}
