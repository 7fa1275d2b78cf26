import { getLlama, LlamaLogLevel, type LlamaModel } from "node-llama-cpp";

/** How llama.cpp reads the vocabulary of a GGUF file: the oracle of the tests. */
export interface LlamaVocabulary extends AsyncDisposable {
  /** The tokens of a text; `special` recognises control tokens in it. */
  encode(text: string, special: boolean): number[];
  /** Whether a token ends a generation. */
  isEnd(id: number): boolean;
  /** Whether a prompt begins with the BOS token. */
  addBos: boolean;
}

/** Loads the vocabulary of a file, without its tensors. */
export async function llamaVocabulary(path: string): Promise<LlamaVocabulary> {
  const llama = await getLlama({
    gpu: false,
    build: "never",
    skipDownload: true,
    progressLogs: false,
    logLevel: LlamaLogLevel.disabled,
  });
  const model = await llama.loadModel({ modelPath: path, vocabOnly: true });
  return {
    encode: (text, special) => [...model.tokenize(text, special)],
    isEnd: (id) =>
      model.isEogToken(id as Parameters<LlamaModel["isEogToken"]>[0]),
    addBos: model.tokens.shouldPrependBosToken,
    async [Symbol.asyncDispose]() {
      await model.dispose();
      await llama.dispose();
    },
  };
}
