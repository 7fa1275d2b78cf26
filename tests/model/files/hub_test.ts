import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ModelFormatError } from "../../../model/checkpoint/error.ts";
import { type DownloadProgress, hubSources } from "../../../model/files/hub.ts";
import { chooseFiles } from "../../../model/files/hub_choice.ts";
import { openCheckpoint } from "../../../model/checkpoint/open.ts";
import { tinyGguf, tinyModel } from "../fixtures.ts";
import { folderFiles } from "../fixtures/folder.ts";
import { COMMIT, standInHub } from "../fixtures/hub.ts";

const REPO = "owner/tiny";

/** Runs a test against a hub with these files and an empty cache. */
async function withHub(
  files: Map<string, Uint8Array>,
  test: (
    options: { hubUrl: string; cacheDir: string },
    sent: string[],
  ) => Promise<void>,
): Promise<void> {
  const cacheDir = await Deno.makeTempDir();
  await using hub = standInHub(REPO, files);
  try {
    await test({ hubUrl: hub.hubUrl, cacheDir }, hub.sent);
  } finally {
    await Deno.remove(cacheDir, { recursive: true });
  }
}

const ggufs = () =>
  new Map([
    ["README.md", new Uint8Array(9)],
    ["tiny-F16.gguf", tinyGguf({ type: "f16" })],
    ["tiny-Q8_0.gguf", tinyGguf({ type: "q8_0" })],
  ]);

Deno.test("hubSources() downloads the named file into the cache, once", () =>
  withHub(ggufs(), async (options, sent) => {
    const reference = `hf:${REPO}/tiny-F16.gguf`;
    const [source] = await hubSources(reference, options);
    const { tensors } = await openCheckpoint([source!]);
    assertEquals(tensors.get("token_embd.weight")?.type, "f16");
    const folder =
      `${options.cacheDir}/models--owner--tiny/snapshots/${COMMIT}`;
    assertEquals(source!.name, `${folder}/tiny-F16.gguf`);
    await hubSources(reference, options);
    assertEquals(sent, ["tiny-F16.gguf"]);
  }));

Deno.test("hubSources() chooses the GGUF file that can be read fastest", () =>
  withHub(ggufs(), async (options, sent) => {
    await hubSources(`hf:${REPO}`, options);
    assertEquals(sent, ["tiny-Q8_0.gguf"]);
  }));

Deno.test("hubSources() downloads a safetensors folder without what is not needed", () => {
  const files = folderFiles(tinyModel(), 2);
  const needed = [...files.keys()].sort();
  files.set("pytorch_model.bin", new Uint8Array(5));
  files.set("onnx/model.safetensors", new Uint8Array(5));
  return withHub(files, async (options, sent) => {
    const { config } = await openCheckpoint(
      await hubSources(`hf:${REPO}`, options),
    );
    assertEquals([config.layers, sent.sort()], [2, needed]);
  });
});

Deno.test("hubSources() reports rising bytes up to the file's size", () =>
  withHub(ggufs(), async (options) => {
    const reports: DownloadProgress[] = [];
    const onProgress = (report: DownloadProgress) => reports.push(report);
    await hubSources(`hf:${REPO}`, { ...options, onProgress });
    const total = ggufs().get("tiny-Q8_0.gguf")!.length;
    const bytes = reports.map((report) => report.bytes);
    assertEquals(bytes, bytes.toSorted((a, b) => a - b));
    assertEquals(reports.at(-1), {
      file: "tiny-Q8_0.gguf",
      bytes: total,
      total,
    });
  }));

Deno.test("hubSources() writes nothing to standard output", () =>
  withHub(ggufs(), async (options) => {
    const { debug } = console;
    const written: unknown[] = [];
    console.debug = (text) => written.push(text);
    try {
      await hubSources(`hf:${REPO}`, options);
      console.debug("as before");
    } finally {
      console.debug = debug;
    }
    assertEquals(written, ["as before"]);
  }));

Deno.test("hubSources() rejects a file that the repository has not, listing those it has", () =>
  withHub(ggufs(), async (options) => {
    const error = await assertRejects(
      () => hubSources(`hf:${REPO}/other.gguf`, options),
      ModelFormatError,
    );
    assertStringIncludes(error.message, "no file other.gguf");
    assertStringIncludes(error.message, "tiny-F16.gguf, tiny-Q8_0.gguf");
  }));

Deno.test("hubSources() rejects a repository that is not there with the hub's words", () =>
  withHub(ggufs(), async (options) => {
    await assertRejects(
      () => hubSources("hf:owner/other", options),
      Error,
      "Repository not found",
    );
  }));

Deno.test("hubSources() rejects a reference of another form", async () => {
  for (
    const reference of ["owner/tiny", "hf:tiny", "hf:", "hf:a/b/", "hf:a/ b"]
  ) {
    await assertRejects(
      () => hubSources(reference),
      TypeError,
      "hf:owner/name or hf:owner/name/file is needed",
    );
  }
});

Deno.test("chooseFiles() takes q4_0 before q4_1 before q8_0", () => {
  const files = ["m-Q8_0.gguf", "m-Q4_K_M.gguf", "m-q4_1.gguf", "m.Q4_0.gguf"];
  assertEquals(chooseFiles(REPO, files), ["m.Q4_0.gguf"]);
  assertEquals(chooseFiles(REPO, files.slice(0, 3)), ["m-q4_1.gguf"]);
  assertEquals(chooseFiles(REPO, files.slice(0, 2)), ["m-Q8_0.gguf"]);
});

Deno.test("chooseFiles() refuses two files of a type and files it cannot read", () => {
  const wrong = [
    ["a-Q4_0.gguf", "b-Q4_0.gguf"],
    ["a-Q4_K_M.gguf", "README.md"],
    ["config.json", "pytorch_model.bin"],
    ["model.safetensors"],
  ];
  for (const files of wrong) {
    const error = assertThrows(
      () => chooseFiles(REPO, files),
      ModelFormatError,
    );
    assert(error.message.includes(files[0]!), error.message);
  }
});
