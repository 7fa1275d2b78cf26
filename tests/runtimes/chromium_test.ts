import { bundle } from "./bundle.ts";
import { executablePath, openPage } from "./browser.ts";
import { installed } from "./installed.ts";
import { assertSameAsDeno } from "./same.ts";

const { ignore, why } = installed(executablePath);
Deno.test({
  name: `Chromium runs the WASM path: same tokens as Deno${why}`,
  ignore,
  async fn() {
    await using bundled = await bundle();
    await using opened = await openPage(`${bundled.folder}/scenario.js`);
    const outcome = await opened.page.evaluate(
      async (task) => (await import("/script.js" as string)).run(task),
      bundled.task,
    );
    await assertSameAsDeno(outcome, bundled.task);
  },
});
