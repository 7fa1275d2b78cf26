import type { LogEntry } from "../train/run_folder.ts";
import { interruptible } from "./interrupt.ts";
import { bar, ProgressLine } from "./progress.ts";
import { readTraining, type Training } from "./train_options.ts";

/** `gkv train`: trains the decoder of the built-in task. */
export async function train(args: string[]): Promise<void> {
  const training = readTraining(args);
  const { out, tokens } = training.options;
  const progress = new ProgressLine();
  let last: LogEntry | undefined;
  const onStep = (entry: LogEntry) => {
    last = entry;
    progress.show(bar(entry.tokens, tokens, describe(entry)));
  };
  await interruptible((signal) => start(training, signal, onStep), [
    "SIGINT",
    "SIGTERM",
  ]).finally(() => progress.clear());
  console.log(
    training.json
      ? JSON.stringify({ out, ...last })
      : `${out}: ${last ? describe(last) : "nothing was left to do"}`,
  );
  if (last && last.tokens < tokens) {
    console.error("gkv: interrupted; --resume goes on from here");
  }
}

/** Training compiles kernels of its own: it is loaded for those who train. */
async function start(
  { kind, options }: Training,
  signal: AbortSignal,
  onStep: (entry: LogEntry) => void,
): Promise<void> {
  const { distill, grpo, lemmaChain, lemmaChainConfig, pretrain } =
    await import("../train/mod.ts");
  const fixed = { task: lemmaChain, config: lemmaChainConfig, signal, onStep };
  switch (kind) {
    case "pretrain":
      await pretrain({ ...options, ...fixed });
      break;
    case "distill":
      await distill({ ...options, ...fixed });
      break;
    case "grpo":
      await grpo({ ...options, ...fixed });
  }
}

/** A step in a few words, those that its kind of training has. */
function describe(entry: LogEntry): string {
  const { tokens, loss, level, budget, correct, tokensPerSecond } = entry;
  const states = (entry.accuracy as Record<string, number> | undefined)?.c;
  const parts = [
    `${(tokens / 1e6).toFixed(2)} million tokens`,
    level === undefined ? "" : `level ${level}`,
    budget === undefined ? "" : `budget ${budget}`,
    `loss ${loss.toFixed(4)}`,
    states === undefined ? "" : `${(100 * states).toFixed(1)} % of states`,
    correct === undefined
      ? ""
      : `${(100 * Number(correct)).toFixed(1)} % right`,
    tokensPerSecond === undefined
      ? ""
      : `${Math.round(Number(tokensPerSecond))} tokens/s`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}
