import type { ChatTemplate, Message } from "./tokenizer/chat.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** What turns messages into tokens. */
export interface PromptParts {
  /** Absent in a model of token ids only. */
  readonly tokenizer: Tokenizer | undefined;
  /** Absent where prompts are taken as they are. */
  readonly template: ChatTemplate | undefined;
}

/**
 * Tokens of a prompt that follows `said`, the tokens of the text so far.
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
  const messages = typeof prompt === "string"
    ? [{ role: "user", content: prompt } as const]
    : prompt;
  const isFirst = said.length === 0;
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
