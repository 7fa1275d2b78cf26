import { chromium, type Page } from "playwright-core";

/** Where Debian puts it. */
export const executablePath = "/usr/bin/chromium";

// Nothing of Chromium's own goes out to the network.
const args = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** An empty page on localhost, for as long as a test lasts. */
export interface TestPage extends AsyncDisposable {
  page: Page;
  /** Warnings and errors in the page's console. */
  complaints: string[];
}

/**
 * Opens a page that can import one script, in headless Chromium.
 *
 * @param script Path of the bundle that the page has at `/script.js`.
 * @param flags Arguments of Chromium's, beside those of every test.
 */
export async function openPage(
  script: string,
  flags: string[] = [],
): Promise<TestPage> {
  const server = serve(await Deno.readTextFile(script));
  const browser = await chromium.launch({
    executablePath,
    args: [...args, ...flags],
  });
  const page = await browser.newPage();
  const complaints: string[] = [];
  page.on("console", (message) => {
    const isComplaint = ["warning", "error"].includes(message.type());
    if (isComplaint) complaints.push(message.text());
  });
  await page.goto(`http://localhost:${server.addr.port}/`);
  return {
    page,
    complaints,
    async [Symbol.asyncDispose]() {
      await browser.close();
      await server.shutdown();
    },
  };
}

function serve(script: string): Deno.HttpServer<Deno.NetAddr> {
  const answer = (type: string, body: string) =>
    new Response(body, { headers: { "content-type": type } });
  const options = { port: 0, hostname: "localhost", onListen: () => {} };
  const html =
    '<!doctype html><title>Test</title><link rel="icon" href="data:,">';
  return Deno.serve(
    options,
    (request) =>
      request.url.endsWith(".js")
        ? answer("text/javascript", script)
        : answer("text/html", html),
  );
}
