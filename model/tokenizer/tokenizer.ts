import { Tokenizer as HfTokenizer } from "@huggingface/tokenizers";
import type { TokenizerFiles } from "../checkpoint/checkpoint.ts";
import { ModelFormatError } from "../checkpoint/error.ts";
import { exactPreTokenizer, type PreTokenizer } from "./pre_tokenizer.ts";
import { TextStream } from "./text_stream.ts";
import { type TokenAlphabet, tokenAlphabet } from "./token_bytes.ts";

/** How {@linkcode Tokenizer.encode} reads a text. */
export interface EncodeOptions {
  /** Put the BOS token first; default `false`. */
  bos?: boolean;
  /**
   * Whether control tokens written in the text (`<|im_end|>`) become those
   * tokens, as a rendered chat template needs, or plain text, as text from
   * elsewhere should; default `true`.
   */
  special?: boolean;
}

interface AddedToken {
  id: number;
  content: string;
  special?: boolean;
}

/** Text to tokens and back, as a model was trained with them. */
export class Tokenizer {
  /** Tokens that end a generation, by id. */
  readonly endTokens: number[];
  /** Whether the model expects the BOS token at the start of a prompt. */
  readonly addBos: boolean;
  /** Number of ids that have a token; an embedding table may have more rows. */
  readonly vocabulary: number;
  readonly #marked: HfTokenizer;
  readonly #plain: HfTokenizer;
  readonly #added: Map<number, AddedToken>;
  readonly #alphabet: TokenAlphabet;
  readonly #bos: number | undefined;

  /**
   * Reads what a checkpoint has of a tokenizer.
   *
   * @param files Contents of `tokenizer.json` and `tokenizer_config.json`.
   * @throws {ModelFormatError} For a tokenizer that is neither byte-level nor
   *   SentencePiece BPE, or is broken.
   */
  constructor(files: TokenizerFiles) {
    const { tokenizer, config } = files;
    const added = (tokenizer.added_tokens ?? []) as AddedToken[];
    this.#alphabet = tokenAlphabet(tokenizer.decoder);
    this.#marked = build(tokenizer, config, added);
    this.#plain = withoutSpecial(this.#marked, files, added);
    this.#added = new Map(added.map((token) => [token.id, token]));
    this.#bos = this.idOf(tokenText(config.bos_token) ?? "");
    this.addBos = this.#bos !== undefined &&
      addsBos(this.#marked, config, this.#bos);
    this.endTokens = files.endTokens;
    this.vocabulary = this.#marked.model!.vocab.length;
  }

  /**
   * Whether encoding puts a space before the text that is none of its own, as
   * SentencePiece does.
   */
  get prefixSpace(): boolean {
    return this.#alphabet.prefixSpace;
  }

  /**
   * The tokens of a text.
   *
   * @returns Token ids; none for an empty text but for the BOS token.
   * @throws {RangeError} When `bos` is asked of a tokenizer that has none.
   */
  encode(text: string, options: EncodeOptions = {}): number[] {
    const tokenizer = options.special ?? true ? this.#marked : this.#plain;
    const { ids } = tokenizer.encode(text, { add_special_tokens: false });
    if (!options.bos) return ids;
    if (this.#bos === undefined) {
      throw new RangeError(
        "Cannot encode a text with BOS: the tokenizer has no BOS token, bos: false is needed",
      );
    }
    return [this.#bos, ...ids];
  }

  /** The text of tokens that begin a text; control tokens are left out. */
  decode(ids: Iterable<number>): string {
    const stream = new TextStream(this, { startOfText: true });
    let text = "";
    for (const id of ids) text += stream.push(id);
    return text + stream.flush();
  }

  /**
   * The exact bytes a token stands for, which may be a part of a character.
   *
   * @returns Empty for control tokens, and for ids past the vocabulary: they
   *   are rows that pad the embedding table.
   * @throws {RangeError} For what cannot be an id.
   */
  bytes(id: number): Uint8Array {
    if (!Number.isInteger(id) || id < 0) {
      throw new RangeError(
        `Cannot decode token ${id}: an integer from 0 to ${
          this.vocabulary - 1
        } is needed`,
      );
    }
    const added = this.#added.get(id);
    if (added) {
      return new TextEncoder().encode(added.special ? "" : added.content);
    }
    return this.#alphabet.bytes(this.#marked.id_to_token(id) ?? "");
  }

  /** Id of the token with this very text; `undefined` when there is none. */
  idOf(token: string): number | undefined {
    return this.#marked.token_to_id(token);
  }
}

function build(
  tokenizer: Record<string, unknown>,
  config: Record<string, unknown>,
  added: AddedToken[],
): HfTokenizer {
  const pre = tokenizer.pre_tokenizer as PreTokenizer | null;
  const exact = {
    ...tokenizer,
    added_tokens: added,
    pre_tokenizer: pre && exactPreTokenizer(pre),
  };
  try {
    return new HfTokenizer(exact, config);
  } catch (cause) {
    const { message } = cause as Error;
    throw new ModelFormatError(
      `Cannot read tokenizer.json: ${message}, a tokenizer that @huggingface/tokenizers reads is needed`,
      { cause },
    );
  }
}

/** A second front to the same model, which is far too large to build twice. */
function withoutSpecial(
  marked: HfTokenizer,
  { tokenizer, config }: TokenizerFiles,
  added: AddedToken[],
): HfTokenizer {
  const model = { type: "BPE", vocab: {}, merges: [] };
  const kept = added.filter(({ special }) => !special);
  const plain = build({ ...tokenizer, model }, config, kept);
  plain.model = marked.model;
  return plain;
}

/** A special token of `tokenizer_config.json`: a string or an added token. */
export function tokenText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  const content = (value as { content?: unknown } | null | undefined)?.content;
  return typeof content === "string" ? content : undefined;
}

function addsBos(
  tokenizer: HfTokenizer,
  { add_bos_token }: Record<string, unknown>,
  bos: number,
): boolean {
  // Llama 3's files say it in the post-processor only.
  if (typeof add_bos_token !== "boolean") {
    return tokenizer.encode("").ids[0] === bos;
  }
  return add_bos_token;
}
