import { assertEquals, assertThrows } from "@std/assert";
import { openBackend } from "../../kernels/open.ts";
import { agree, filled, noise, odd, outliers } from "./agree.ts";

/** Rounding of float32 sums of up to a few thousand terms. */
const float32 = 2e-6;

Deno.test("rmsNorm() agrees with the reference at odd sizes", async () => {
  for (const n of odd) {
    for (const width of [1, 31, 64, 80, 576]) {
      await agree(
        (backend) => {
          const x = noise(backend, [n, width], n);
          const weight = noise(backend, [width], 7);
          backend.rmsNorm(x, weight, x, n, 1e-5);
          return x;
        },
        float32,
        `${n} × ${width}`,
      );
    }
  }
});

Deno.test("rmsNorm() of heads in a fused projection leaves the others alone", async () => {
  await agree((backend) => {
    const x = noise(backend, [3, 6, 32], 1);
    const weight = noise(backend, [32], 2);
    const heads = backend.slice(x, 1, 4);
    backend.rmsNorm(heads, weight, heads, 3, 1e-6);
    return x;
  }, float32);
});

Deno.test("addNorm() adds and normalises in one", async () => {
  for (const n of odd) {
    for (const width of [31, 64, 576]) {
      for (const part of ["x", "out"] as const) {
        await agree(
          (backend) => {
            const x = noise(backend, [n, width], n);
            const y = noise(backend, [n, width], n + 1);
            const weight = noise(backend, [width], 7);
            const out = backend.tensor([n, width]);
            backend.addNorm(x, y, weight, out, n, 1e-5);
            return { x, out }[part];
          },
          float32,
          `${part} ${n} × ${width}`,
        );
      }
    }
  }
});

Deno.test("rope() agrees with the reference for both pairings", async () => {
  for (const pairing of ["adjacent", "halves"] as const) {
    for (const headDim of [8, 32, 64, 80, 128]) {
      for (const n of odd) {
        await agree(
          (backend) => {
            const x = noise(backend, [n, 5, headDim], n);
            const angles = noise(backend, [n, headDim / 2, 2], 3);
            backend.rope(backend.slice(x, 0, 4), angles, n, pairing);
            return x;
          },
          float32,
          `${pairing} ${n} × ${headDim}`,
        );
      }
    }
  }
});

Deno.test("swiglu() agrees with the reference, also where sigmoid saturates", async () => {
  for (const n of odd) {
    for (const width of [1, 31, 96]) {
      await agree(
        (backend) => {
          const data = outliers(n * 2 * width, n).map((v) => 10 * v);
          const gateUp = filled(backend, [n, 2, width], data);
          const out = backend.tensor([n, width]);
          backend.swiglu(gateUp, out, n);
          return out;
        },
        float32,
        `${n} × ${width}`,
      );
    }
  }
});

Deno.test("add() adds rows, and one row to all", async () => {
  for (const n of odd) {
    for (const shape of [[n, 31], [31]]) {
      await agree(
        (backend) => {
          const x = noise(backend, [n, 31], n);
          backend.add(x, noise(backend, shape, 5), n);
          return x;
        },
        float32,
        `${n} + ${shape}`,
      );
    }
  }
});

Deno.test("copy() moves rows of a slice", async () => {
  await agree((backend) => {
    const source = noise(backend, [5, 4, 8], 1);
    const target = backend.tensor([3, 2, 8]);
    backend.copy(backend.slice(source, 1, 3), 2, target, 1, 2);
    return target;
  }, 0);
});

Deno.test("softmax() agrees with the reference over a vocabulary", async () => {
  for (const n of [1, 2, 3]) {
    for (const temperature of [0.3, 1, 2]) {
      await agree(
        (backend) => {
          const x = noise(backend, [n, 4099], n);
          backend.softmax(x, n, temperature);
          return x;
        },
        1e-5,
        `${n} at ${temperature}`,
      );
    }
  }
});

Deno.test("argmax() takes the lowest index on ties", async () => {
  for (const width of [1, 2, 3, 31, 33, 4099]) {
    await agree(
      (backend) => {
        const data = outliers(3 * width, width);
        for (let row = 0; row < 3; row++) {
          for (const at of [width - 1, width >> 1, width >> 2]) {
            data[row * width + at] = 1e6;
          }
        }
        const out = backend.tensor([3], "i32");
        backend.argmax(filled(backend, [3, width], data), out, 3);
        return out;
      },
      0,
      `${width}`,
    );
  }
});

Deno.test("argmax() finds the largest of negative numbers", async () => {
  await agree((backend) => {
    const data = outliers(33, 4).map((v) => -1 - Math.abs(v));
    const out = backend.tensor([1], "i32");
    backend.argmax(filled(backend, [1, 33], data), out, 1);
    return out;
  }, 0);
});

Deno.test("assertFinite() finds one NaN or infinity anywhere", async () => {
  for (const backendName of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: backendName });
    for (const width of [1, 3, 31, 64]) {
      for (let at = 0; at < width; at++) {
        for (const bad of [NaN, Infinity, -Infinity]) {
          const data = outliers(width, 1);
          data[at] = bad;
          const x = filled(backend, [1, width], data);
          assertThrows(
            () => backend.assertFinite([x], 1, ["q"]),
            RangeError,
            "q",
          );
          backend.free(x);
        }
      }
      backend.assertFinite([noise(backend, [2, width], 9)], 2, ["q"]);
    }
  }
});

Deno.test("read() gives the rows of a slice one after the other", async () => {
  for (const backendName of ["wasm", "reference"] as const) {
    using backend = await openBackend({ backend: backendName });
    const data = Array.from({ length: 24 }, (_, i) => i);
    const slice = backend.slice(filled(backend, [2, 4, 3], data), 1, 3);
    const expected = [...data.slice(3, 9), ...data.slice(15, 21)];
    assertEquals([...await backend.read(slice)], expected);
    assertEquals([...await backend.read(slice, 1)], expected.slice(0, 6));
  }
});
