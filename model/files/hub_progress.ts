/**
 * A `fetch` that reports the bytes of a file as they come. Several requests may
 * share a file (the hub's xet storage sends compressed pieces), so that their
 * sum is only nearly the file's size; it never passes it.
 *
 * @param total Bytes of the file.
 * @param report Called with the bytes so far and the total.
 */
export function withProgress(
  total: number,
  report: (bytes: number, total: number) => void,
): typeof fetch {
  let bytes = 0;
  const count = (chunk: Uint8Array) => {
    bytes = Math.min(total, bytes + chunk.byteLength);
    report(bytes, total);
  };
  return async (input, init) => {
    const response = await fetch(input, init);
    return isContent(response, init) ? counted(response, count) : response;
  };
}

/** Not the answers about a file: JSON, and the probe for its size. */
function isContent(response: Response, init?: RequestInit): boolean {
  const type = response.headers.get("content-type") ?? "";
  const isProbe = new Headers(init?.headers).get("range") === "bytes=0-0";
  return response.body !== null && !isProbe && !type.includes("json");
}

function counted(
  response: Response,
  count: (chunk: Uint8Array) => void,
): Response {
  const counter = new TransformStream<Uint8Array, Uint8Array>({
    transform(chunk, controller) {
      count(chunk);
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body!.pipeThrough(counter), response);
}
