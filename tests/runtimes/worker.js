import { run } from "./scenario.js";
import module from "./kernels.wasm";

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
