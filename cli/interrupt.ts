/**
 * Does something that Ctrl-C ends early: the first one through the signal, the
 * second one with the program.
 */
export async function interruptible<T>(
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const stop = () => {
    if (controller.signal.aborted) Deno.exit(130);
    controller.abort();
  };
  Deno.addSignalListener("SIGINT", stop);
  try {
    return await work(controller.signal);
  } finally {
    Deno.removeSignalListener("SIGINT", stop);
  }
}
