/**
 * Does something that Ctrl-C ends early: the first one through the signal, the
 * second one with the program.
 *
 * @param names Signals that do so.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
  names: readonly Deno.Signal[] = ["SIGINT"],
): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
  };
  for (const name of names) Deno.addSignalListener(name, stop);
  try {
    return await work(controller.signal);
  } finally {
    for (const name of names) Deno.removeSignalListener(name, stop);
  }
}
