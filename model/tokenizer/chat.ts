import { parse, tokenize } from "@huggingface/jinja";
import type { TokenizerFiles } from "../checkpoint/checkpoint.ts";
import { ModelFormatError } from "../checkpoint/error.ts";
import {
  renderTemplate,
  type TemplateProgram,
  TemplateRefusal,
} from "./template_interpreter.ts";
import { tokenText } from "./tokenizer.ts";

/** One turn of a conversation. */
export interface Message {
  /** Who speaks. */
  role: "system" | "user" | "assistant";
  /** What is said. */
  content: string;
}

/** Texts of the tokens that templates write out, where the model has them. */
export interface ChatTokens {
  /** Stands at the beginning of a text. */
  bosToken?: string | undefined;
  /** Stands at the end of a turn. */
  eosToken?: string | undefined;
}

// Stands for an answer; no template takes it for markup or trims it.
const SENTINEL = "⟦answer⟧";

/**
 * The chat template of a model: Jinja, as transformers defines it
 * (https://huggingface.co/docs/transformers/chat_templating).
 *
 * @example
 * ```ts
 * import { ChatTemplate } from "@gkv/gkv";
 * import { assertEquals } from "@std/assert";
 *
 * const source = "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}" +
 *   "{% if add_generation_prompt %}<assistant>{% endif %}";
 * const template = new ChatTemplate(source);
 * const message = { role: "user", content: "Hi" } as const;
 * assertEquals(template.render([message]), "<user>Hi</s><assistant>");
 * assertEquals(template.continuation(message), "</s><user>Hi</s><assistant>");
 * ```
 */
export class ChatTemplate {
  readonly #program: TemplateProgram;
  readonly #tokens: ChatTokens;

  /**
   * Parses a template.
   *
   * @param source The template.
   * @param tokens What `bos_token` and `eos_token` stand for in it.
   * @throws {ModelFormatError} For a syntax error.
   */
  constructor(source: string, tokens: ChatTokens = {}) {
    this.#program = parsed(source);
    this.#tokens = tokens;
  }

  /**
   * A conversation as the model reads it, up to where its answer begins. It
   * has control tokens in it and, where the template puts one, the BOS token.
   *
   * @throws {TypeError} When the template refuses the conversation.
   * @throws {ModelFormatError} When the template cannot be run.
   */
  render(messages: readonly Message[]): string {
    const { bosToken, eosToken } = this.#tokens;
    try {
      return renderTemplate(this.#program, {
        messages,
        add_generation_prompt: true,
        bos_token: bosToken ?? "",
        eos_token: eosToken ?? "",
        tools: null,
        documents: null,
      });
    } catch (error) {
      throw renderError(error as Error);
    }
  }

  /**
   * What comes between the last word of an answer and the first of the next:
   * the end of the turn (a token that the model may have generated itself), the
   * new messages and the start of the answer.
   *
   * @param messages What follows the answer.
   * @throws {TypeError} When the template refuses the conversation.
   * @throws {ModelFormatError} When the template cannot be run or leaves
   *   earlier answers out.
   */
  continuation(...messages: readonly Message[]): string {
    const text = this.render([
      { role: "user", content: "…" },
      { role: "assistant", content: SENTINEL },
      ...messages,
    ]);
    const at = text.indexOf(SENTINEL);
    if (at >= 0) return text.slice(at + SENTINEL.length);
    throw new ModelFormatError(
      "Cannot continue the chat: the template leaves earlier answers out, " +
        "one that renders them is needed",
    );
  }
}

/**
 * The chat template in a tokenizer's configuration, the default one where
 * there are several; `undefined` when there is none.
 *
 * @throws {ModelFormatError} For a syntax error.
 */
export function chatTemplateOf(
  { config }: TokenizerFiles,
): ChatTemplate | undefined {
  const source = defaultTemplate(config.chat_template);
  return source === undefined ? undefined : new ChatTemplate(source, {
    bosToken: tokenText(config.bos_token),
    eosToken: tokenText(config.eos_token),
  });
}

function defaultTemplate(templates: unknown): string | undefined {
  if (typeof templates === "string") return templates;
  if (!Array.isArray(templates)) return undefined;
  const named = templates.find((entry) => entry?.name === "default");
  return typeof named?.template === "string" ? named.template : undefined;
}

function parsed(source: string): TemplateProgram {
  try {
    // transformers sets these options for every chat template.
    return parse(tokenize(source, { lstrip_blocks: true, trim_blocks: true }));
  } catch (cause) {
    const { message } = cause as Error;
    throw new ModelFormatError(
      `Cannot read the chat template: ${message}, a Jinja template is needed`,
      { cause },
    );
  }
}

function renderError(cause: Error): Error {
  if (cause instanceof ModelFormatError) return cause;
  if (cause instanceof TemplateRefusal) {
    return new TypeError(
      `Cannot render the chat: the template refuses it (${cause.message}), ` +
        "other messages are needed",
      { cause },
    );
  }
  return new ModelFormatError(
    `Cannot render the chat: the template fails (${cause.message}), ` +
      "one that runs is needed",
    { cause },
  );
}
