import { DeviceLostError } from "../../gpu/error.ts";
import type { Backend } from "../../kernels/ops.ts";

/** A backend whose device is lost at the n-th read from now. */
export function losing(backend: Backend, reads: number): Backend {
  const read: Backend["read"] = (tensor, n) =>
    reads-- > 0
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
