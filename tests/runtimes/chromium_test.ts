import { chromium } from "playwright-core";
import { type Bundle, bundle } from "./bundle.ts";
import { installed } from "./installed.ts";
import { assertSameAsDeno } from "./same.ts";
import type { Outcome, Task } from "./scenario.ts";

const executablePath = "/usr/bin/chromium";

// Nothing of Chromium's own goes out to the network.
const args = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** Serves an empty page and the scenario. */
async function serve(
  { folder }: Bundle,
): Promise<Deno.HttpServer<Deno.NetAddr>> {
  const script = await Deno.readTextFile(`${folder}/scenario.js`);
  const answer = (type: string, body: string) =>
    new Response(body, { headers: { "content-type": type } });
  const options = { port: 0, hostname: "localhost", onListen: () => {} };
  return Deno.serve(
    options,
    (request) =>
      request.url.endsWith(".js")
        ? answer("text/javascript", script)
        : answer("text/html", "<!doctype html><title>Test</title>"),
  );
}

async function runInPage(address: string, task: Task): Promise<Outcome> {
  const browser = await chromium.launch({ executablePath, args });
  try {
    const page = await browser.newPage();
    await page.goto(address);
    return await page.evaluate(
      async (task) => (await import("/scenario.js" as string)).run(task),
      task,
    );
  } finally {
    await browser.close();
  }
}

const { ignore, why } = installed(executablePath);
Deno.test({
  name: `Chromium runs the WASM path: same tokens as Deno${why}`,
  ignore,
  async fn() {
    await using bundled = await bundle();
    await using server = await serve(bundled);
    const { port } = server.addr;
    const outcome = await runInPage(`http://localhost:${port}/`, bundled.task);
    await assertSameAsDeno(outcome, bundled.task, "relaxed-simd");
  },
});
