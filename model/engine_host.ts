import type { ModelConfig } from "./checkpoint/checkpoint.ts";
import type { Engine } from "./engine.ts";
import type { Tokenizer } from "./tokenizer/tokenizer.ts";

/** A model, as what runs on it sees it. */
export interface EngineHost {
  /** What the files say of it. */
  readonly config: ModelConfig;
  /** Where the model runs now. */
  readonly engine: Engine;
  /** Tells separators and newlines from other tokens, where there is one. */
  readonly tokenizer?: Tokenizer | undefined;
  /** Another engine in the place of one whose device or memory was lost. */
  recover(lost: Engine, error: unknown): Promise<Engine>;
  /** Which model it is, in hexadecimal. */
  fingerprint(): Promise<string>;
}
