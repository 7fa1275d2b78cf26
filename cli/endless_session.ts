import type { Engine } from "../model/engine.ts";
import type { Model } from "../model/model.ts";
import type { SessionOptions } from "../model/session_options.ts";
import { Session } from "../model/session.ts";

/** A session that goes on after an end token: it does not know which they are. */
export function endlessSession(model: Model, options: SessionOptions): Session {
  const { config, engine } = model;
  const recover = (lost: Engine, error: unknown) => model.recover(lost, error);
  const fingerprint = () => model.fingerprint();
  const [tokenizer, template] = [undefined, undefined];
  const host = { config, engine, recover, fingerprint, tokenizer, template };
  return new Session(host, options);
}
