import { DeviceLostError } from "../../gpu/error.ts";
import type { Backend } from "../../kernels/backend.ts";

/**
 * A backend whose device is lost after so many reads, not counting the one
 * that ends the loading of a model.
 */
export function losing(backend: Backend, reads: number): Backend {
  let left = reads + 1;
  const read: Backend["read"] = (tensor, n) =>
    left-- > 0
      ? backend.read(tensor, n)
      : Promise.reject(new DeviceLostError("Cannot use the GPU: it is gone"));
  return new Proxy(backend, {
    get: (target, name) => {
      if (name === "read") return read;
      const member = target[name as keyof Backend];
      return typeof member === "function"
        ? member.bind(target as never)
        : member;
    },
  });
}
