import type { Backend } from "../../kernels/backend.ts";
import type { Tensor, Weight } from "../../kernels/tensors.ts";

/** Runs a function on a backend and frees what it has allocated there. */
export async function visiting<T>(
  backend: Backend,
  use: (backend: Backend) => Promise<T>,
): Promise<T> {
  const made: (Tensor | Weight)[] = [];
  const noting = new Proxy(backend, {
    get: (target, name) => {
      const member = target[name as keyof Backend];
      if (typeof member !== "function") return member;
      const bound = member.bind(target as never) as CallableFunction;
      if (name !== "tensor" && name !== "weight") return bound;
      return (...args: unknown[]) => {
        const memory = bound(...args);
        made.push(memory);
        return memory;
      };
    },
  });
  try {
    return await use(noting);
  } finally {
    for (const memory of made) backend.free(memory);
  }
}
