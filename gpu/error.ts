/**
 * Thrown when the GPU is gone: reset by its driver, taken away by the browser,
 * or destroyed. What was on it is lost; a new backend can be opened.
 */
export class DeviceLostError extends Error {
  /** By which it is known across realms. */
  override name = "DeviceLostError";
}

/**
 * Thrown when the GPU has not the memory for a buffer: by the first read after
 * it was asked for, or at once if it is larger than any can be.
 */
export class GpuMemoryError extends RangeError {
  /** By which it is known across realms. */
  override name = "GpuMemoryError";
}
