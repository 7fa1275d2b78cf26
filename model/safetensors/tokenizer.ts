import type { TokenizerFiles } from "../checkpoint/checkpoint.ts";
import { isEndName } from "../tokenizer/end_tokens.ts";
import { type Fields, isRecord } from "../checkpoint/fields.ts";
import type { Folder } from "./folder.ts";
import { readJson } from "./json.ts";

/**
 * Tokenizer of a Hugging Face folder: `tokenizer.json`, with what
 * `tokenizer_config.json` and `chat_template.jinja` say about it.
 *
 * @returns `undefined` when the folder has no `tokenizer.json`.
 * @throws {ModelFormatError} When a file is no JSON object or names an end
 * token that is no token id.
 */
export async function hfTokenizer(
  folder: Folder,
): Promise<TokenizerFiles | undefined> {
  const source = folder.find("tokenizer.json");
  if (source === undefined) return undefined;
  const tokenizer = await readJson(source);
  const config = await tokenizerConfig(folder);
  const added = addedTokens(tokenizer);
  const named = added.filter(({ content }) =>
    isEndName(content) || content === endName(config)
  );
  const ends = [
    ...endIds(await folder.json("config.json")),
    ...endIds(await folder.json("generation_config.json")),
    ...named.map(({ id }) => id),
  ];
  const endTokens = [...new Set(ends)].sort((a, b) => a - b);
  return { tokenizer, config, endTokens };
}

async function tokenizerConfig(
  folder: Folder,
): Promise<Record<string, unknown>> {
  const source = folder.find("tokenizer_config.json");
  const config = source ? await readJson(source) : {};
  const template = folder.find("chat_template.jinja");
  if (template === undefined) return config;
  const text = await template.read(0, template.size);
  return { ...config, chat_template: new TextDecoder().decode(text) };
}

interface AddedToken {
  id: number;
  content: string;
}

function addedTokens(tokenizer: Record<string, unknown>): AddedToken[] {
  const { added_tokens: added } = tokenizer;
  return Array.isArray(added) ? added.filter(isAddedToken) : [];
}

function isAddedToken(value: unknown): value is AddedToken {
  return isRecord(value) && isTokenId(value.id) &&
    typeof value.content === "string";
}

/** `eos_token` is a string or an object with the string as its content. */
function endName(config: Record<string, unknown>): unknown {
  const { eos_token: end } = config;
  return isRecord(end) ? end.content : end;
}

/** `eos_token_id` is a number or a list of them. */
function endIds(fields: Fields | undefined): number[] {
  const field = "eos_token_id";
  const ids = [fields?.get(field) ?? []].flat();
  if (ids.every(isTokenId)) return ids;
  fields?.fail(field, "token ids are needed");
  return [];
}

function isTokenId(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0;
}
