import { evalTaskHelp, evaluateTask } from "./eval_task.ts";
import { evalTextHelp, evaluateText } from "./eval_text.ts";
import { UsageError } from "./usage_error.ts";

/** How to use {@linkcode evaluate}. */
export const evalHelp: string = `${evalTextHelp}

${evalTaskHelp}`;

/** `gkv eval`: what eviction does to predictions, or to solutions. */
export async function evaluate(args: string[]): Promise<void> {
  const isAsked = (option: string) =>
    args.some((arg) => arg === option || arg.startsWith(`${option}=`));
  if (isAsked("--task")) await evaluateTask(args);
  else if (isAsked("--text")) await evaluateText(args);
  else {
    throw new UsageError(
      "Cannot evaluate: a MODEL and --text or --task are needed",
    );
  }
}
