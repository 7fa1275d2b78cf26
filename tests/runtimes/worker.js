// In the worker these are the bundle and the build that the test chose.
import { run } from "./scenario.ts";
import module from "../../wasm/simd.wasm";

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const options = pathname === "/module" ? { module } : {};
    try {
      return Response.json(await run(await request.json(), options));
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
};
