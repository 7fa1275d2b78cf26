/**
 * Thrown when the GPU is gone: reset by its driver, taken away by the browser,
 * or destroyed. What was on it is lost; a new backend can be opened.
 */
export class DeviceLostError extends Error {
  /** By which it is known across realms. */
  override name = "DeviceLostError";
}
