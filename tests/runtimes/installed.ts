/** Whether a runtime is there, and what its test's name says when it is not. */
export function installed(path: string): { ignore: boolean; why: string } {
  try {
    Deno.statSync(path);
    return { ignore: false, why: "" };
  } catch {
    return { ignore: true, why: ` (skipped: there is no ${path})` };
  }
}
